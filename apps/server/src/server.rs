use std::fs::File;
use std::sync::Arc;

use axum::Router;
use diskwright::engine::Engine;
use diskwright::format::Registry;

use crate::accounts::Accounts;
use crate::artefacts::Artefacts;
use crate::build::Builder;
use crate::folder::Folder;
use crate::settings::Settings;
use crate::store::Store;
use crate::{resources, routes};

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
    /// Locked as long as this is the one server of its data directory.
    lock: File,
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
        let store = Store::open(&folder.database()).await?;
        let mut engine = Engine::new().with_concurrency(settings.generations);
        if let Some(threads) = settings.threads {
            engine = engine.with_threads(threads);
        }
        let artefacts = Artefacts::local(&folder.images())?;
        let builder = Builder::new(folder.node());
        let accounts = Accounts::new(store.clone(), folder.clone())?;
        let shared = Shared { settings, registry, engine, store, folder, accounts, artefacts, builder, lock };
        let server = Self { shared: Arc::new(shared) };
        server.tidy().await?;
        Ok(server)
    }

    /// Goes to work on what is queued, beginning with what an earlier life left unfinished. To be called once.
    ///
    /// # Errors
    /// When the database or the images of the data directory cannot be read.
    pub async fn start(&self) -> anyhow::Result<()> {
        self.builder().start(self).await
    }

    /// The API below its base path, to be mounted in any router: `Router::new().nest("/api", server.api())`.
    pub fn api(&self) -> Router {
        let finish = axum::middleware::from_fn(resources::finish);
        let single = tower::util::MapRequestLayer::new(resources::with_single_slashes);
        // Around the router, not within: the path is mended before it is matched.
        Router::new().fallback_service(tower::Layer::layer(&single, routes::router(self).layer(finish)))
    }

    /// Everything: the API below `/api` and, as old installations have it, `/ufws`.
    pub fn router(&self) -> Router {
        Router::new().nest("/api", self.api()).nest("/ufws", self.api())
    }

    /// Stops work and closes the database. What was being made is taken up at the next start; requests that are answered
    /// afterwards fail.
    pub async fn close(&self) {
        self.builder().stop().await;
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
