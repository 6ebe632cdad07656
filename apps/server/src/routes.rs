//! Every route of the API, with who may use it: router, OpenAPI document and the tests of access are made of this table.

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter};

use crate::accounts::Entitlement;
use crate::net;
use crate::resources::{self, Declared, Gate, Parameter};
use crate::server::Server;

/// A method of a path below the API's base.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// As axum writes it: `/users/{uid}/scans`.
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    /// What it does, a clause, for the OpenAPI document.
    pub(crate) about: &'static str,
    /// What its handler can read of the query.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) handler: MethodRouter<Server>,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Open,
    /// Every account, below `/users/{uid}` only its own.
    Account,
    /// Accounts with one of these entitlements, below `/users/{uid}` only their own.
    Entitled(&'static [Entitlement]),
    /// Whoever brings a `downloadId`; without one, as [`Access::Account`].
    DownloadKey,
}

impl Route {
    /// A route whose handler is that of `method`.
    pub(crate) fn new<H, T>(
        method: Method,
        path: &'static str,
        access: Access,
        about: &'static str,
        handler: H,
    ) -> Self
    where
        H: axum::handler::Handler<T, Server>,
        T: 'static,
    {
        // Only methods that axum knows stand in the table, which a test builds whole.
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        let handler = MethodRouter::new().on(filter, handler);
        Self { method, path, access, about, parameters: Vec::new(), handler }
    }

    /// The route with `parameters` that its handler reads of the query.
    pub(crate) fn reading(mut self, parameters: &[Parameter]) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// Whether the API has the route and this server only refuses, which its description says.
    pub(crate) fn is_only_refused(&self) -> bool {
        self.about.ends_with("501")
    }
}

/// The whole table.
pub(crate) fn table() -> Vec<Route> {
    resources::routes()
}

/// The API's router, without base path.
pub(crate) fn router(server: &Server) -> Router {
    let mut router = Router::new();
    for route in table() {
        let gate = Gate {
            server: server.clone(),
            access: route.access,
            declared: Declared(route.parameters.into()),
        };
        let gate = axum::middleware::from_fn_with_state(gate, resources::gate);
        router = router.route(route.path, route.handler.layer(gate));
    }
    router
        .fallback(resources::unknown_path)
        .method_not_allowed_fallback(resources::unknown_method)
        .layer(axum::middleware::from_fn(net::note_route))
        .with_state(server.clone())
}
