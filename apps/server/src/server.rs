use std::fs::File;
use std::sync::Arc;

use axum::Router;
use diskwright::engine::Engine;
use diskwright::format::Registry;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use crate::accounts::Accounts;
use crate::artefacts::Artefacts;
use crate::build::Builder;
use crate::folder::Folder;
use crate::metrics::Metrics;
use crate::net::{self, Door, Rooms};
use crate::settings::Settings;
use crate::store::Store;
use crate::tidy::Housekeeping;
use crate::{openapi, page, resources, routes};

/// A server's state: clones share it.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    registry: Registry,
    engine: Engine,
    store: Store,
    folder: Folder,
    accounts: Accounts,
    artefacts: Artefacts,
    builder: Builder,
    housekeeping: Housekeeping,
    /// Locked as long as this is the one server of its data directory.
    lock: File,
    metrics: Metrics,
    /// Cancelled when the server was told to stop.
    stopping: CancellationToken,
}

impl Server {
    /// Opens the data directory of `settings`; the images that can be made are those of `registry`.
    ///
    /// It answers, but makes nothing before [`Server::start`].
    ///
    /// # Errors
    /// When the directory or its database cannot be made or read, or when another server has it.
    pub async fn open(registry: Registry, settings: Settings) -> anyhow::Result<Self> {
        let folder = Folder::open(&settings.data)?;
        let lock = folder.lock()?;
        let metrics = Metrics::new()?;
        let store = Store::open(&folder.database()).await?.measured_by(metrics.clone());
        let mut engine = Engine::new().with_concurrency(settings.generations).with_memory(settings.memory);
        if let Some(threads) = settings.threads {
            engine = engine.with_threads(threads);
        }
        let artefacts = match &settings.images {
            Some(objects) => Artefacts::remote(Arc::clone(objects), &folder.images()),
            None => Artefacts::local(&folder.images())?,
        };
        let builder = Builder::new(folder.node());
        let accounts = Accounts::new(store.clone(), folder.clone())?;
        let stopping = CancellationToken::new();
        let shared = Shared {
            settings,
            registry,
            engine,
            store,
            folder,
            accounts,
            artefacts,
            builder,
            housekeeping: Housekeeping::default(),
            lock,
            metrics,
            stopping,
        };
        let server = Self { shared: Arc::new(shared) };
        server.tidy().await?;
        Ok(server)
    }

    /// Goes to work on what is queued, beginning with what an earlier life left unfinished. To be called once.
    ///
    /// # Errors
    /// When the database or the images of the data directory cannot be read.
    pub async fn start(&self) -> anyhow::Result<()> {
        self.builder().start(self).await?;
        self.shared.housekeeping.start(self);
        Ok(())
    }

    /// The API below its base path, to be mounted in any router: `Router::new().nest("/api", server.api())`.
    pub fn api(&self) -> Router {
        let single = tower::util::MapRequestLayer::new(resources::with_single_slashes);
        // Around the router, not within: the path is mended before it is matched.
        Router::new().fallback_service(tower::Layer::layer(&single, resources::dressed(routes::router(self))))
    }

    /// Everything: the API below `/api` and, as old installations have it, `/ufws`; `/health`; `/openapi.json`; the page.
    pub fn router(&self) -> Router {
        let rest = resources::health(self).merge(openapi::router()).merge(page::router());
        let rest =
            rest.fallback(resources::unknown_path).method_not_allowed_fallback(resources::unknown_method);
        resources::dressed(rest).nest("/api", self.api()).nest("/ufws", self.api())
    }

    /// The description of the API.
    pub fn openapi() -> OpenApi {
        openapi::openapi()
    }

    /// `/metrics` and `/health`, for who runs the server: they ask for no account.
    pub fn administration(&self) -> Router {
        let router = resources::administration(self).fallback(resources::unknown_path);
        resources::dressed(router.method_not_allowed_fallback(resources::unknown_method))
    }

    /// Answers at `doors` until `stop` is cancelled, then lets what is going on end within [`ConnectionLimits::shutdown`] and cuts
    /// the rest.
    ///
    /// [`ConnectionLimits::shutdown`]: crate::ConnectionLimits::shutdown
    pub async fn serve(&self, doors: Vec<Door>, stop: CancellationToken) {
        let rooms = Rooms { public: self.router(), administrators: self.administration() };
        net::serve(self, doors, rooms, stop).await;
    }

    /// Stops work and closes the database. What was being made is taken up at the next start; requests that are answered
    /// afterwards fail.
    pub async fn close(&self) {
        self.builder().stop().await;
        self.shared.housekeeping.stop().await;
        self.store().close().await;
        if let Err(error) = self.shared.lock.unlock() {
            tracing::error!(%error, "the data directory cannot be unlocked");
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.shared.folder
    }

    /// Notes that the server was told to stop.
    pub(crate) fn begin_stop(&self) {
        self.shared.stopping.cancel();
    }

    /// Whether the server was told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.shared.stopping.is_cancelled()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.shared.accounts
    }

    pub(crate) fn artefacts(&self) -> &Artefacts {
        &self.shared.artefacts
    }

    pub(crate) fn builder(&self) -> &Builder {
        &self.shared.builder
    }
}
