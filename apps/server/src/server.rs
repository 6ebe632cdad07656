use std::sync::Arc;

use axum::Router;
use diskwright::engine::Engine;
use diskwright::format::Registry;

use crate::accounts::Accounts;
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
}

impl Server {
    /// Opens the data directory of `settings`; the images that can be made are those of `registry`.
    ///
    /// # Errors
    /// When the directory or its database cannot be made or read.
    pub async fn open(registry: Registry, settings: Settings) -> anyhow::Result<Self> {
        let folder = Folder::open(&settings.data)?;
        let store = Store::open(&folder.database()).await?;
        let engine = match settings.threads {
            Some(threads) => Engine::new().with_threads(threads),
            None => Engine::new(),
        };
        let accounts = Accounts::new(store.clone(), folder.clone())?;
        let server =
            Self { shared: Arc::new(Shared { settings, registry, engine, store, folder, accounts }) };
        server.tidy().await?;
        Ok(server)
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

    /// Closes the database. Requests that are answered afterwards fail.
    pub async fn close(&self) {
        self.store().close().await;
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
}
