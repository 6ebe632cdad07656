//! The page at `/`, for people: static files that use the public API and nothing else.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::hexadecimal::digest;

/// `/` and the files that it loads.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut router = Router::new();
    for file in &FILES {
        router = router.route(file.path, get(async || file.respond()));
    }
    router.layer(axum::middleware::from_fn(crate::net::note_route))
}

struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

impl File {
    fn respond(&self) -> Response {
        let tag = digest(self.text.as_bytes());
        let headers = [
            (header::CONTENT_TYPE, self.kind),
            (header::ETAG, &format!("\"{tag}\"")),
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_FRAME_OPTIONS, "DENY"),
        ];
        (headers, self.text).into_response()
    }
}

static FILES: [File; 3] = [
    File { path: "/", kind: "text/html; charset=utf-8", text: include_str!("page.html") },
    File { path: "/page.css", kind: "text/css; charset=utf-8", text: include_str!("page.css") },
    File { path: "/page.js", kind: "text/javascript; charset=utf-8", text: include_str!("page.js") },
];

/// Only files from here, no script in the page, no frame around it, no request to elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};

    use super::*;
    use crate::trial::Trial;

    #[tokio::test]
    async fn the_page_is_sent_once_and_allows_nothing_from_elsewhere() {
        let trial = Trial::new().await;
        for file in &FILES {
            let answer = trial.send(Request::get(file.path).body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", file.path);
            assert_eq!(answer.header(header::CONTENT_TYPE), file.kind);
            assert_eq!(answer.header(header::CONTENT_SECURITY_POLICY), POLICY);
            assert_eq!(answer.body, file.text.as_bytes());
            let again = Request::get(file.path).header(header::IF_NONE_MATCH, answer.header(header::ETAG));
            let answer = trial.send(again.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{}", file.path);
            for elsewhere in ["http://", "https://", "//cdn", "innerHTML", "eval("] {
                assert!(!file.text.contains(elsewhere), "{}: {elsewhere}", file.path);
            }
        }
        let page = FILES[0].text;
        assert!(!page.contains("onclick") && !page.contains("style=") && !page.contains("<script>"));
    }
}
