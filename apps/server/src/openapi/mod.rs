//! The description of the API for programs, made of the table of routes and of the documents' own fields.

mod documents;
mod schemas;

use std::sync::LazyLock;

use axum::http::{Method, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::get;
use diskwright_request::NAMESPACE;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ArrayBuilder, ComponentsBuilder, Content, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi,
    OpenApiBuilder, Paths, Ref, RefOr, Required, Response, Schema, ServerBuilder,
};

use crate::accounts::Entitlement;
use crate::hexadecimal::digest;
use crate::resources::{API_VERSION, Parameter, ParameterKind};
use crate::routes::{self, Access, Route};
use documents::{Payload, answer, request};
use schemas::Schemas;

/// `/openapi.json`.
pub(crate) fn router() -> axum::Router {
    axum::Router::new()
        .route("/openapi.json", get(document))
        .layer(axum::middleware::from_fn(crate::net::note_route))
}

/// The whole description.
pub(crate) fn openapi() -> OpenApi {
    let schemas = Schemas::new();
    let mut paths = Paths::new();
    for route in routes::table() {
        let operation = operation(&route, &schemas);
        paths.add_path_operation(route.path, vec![http_method(&route.method)], operation);
    }
    let info = InfoBuilder::new()
        .title("Diskwright scan-image API")
        .version(API_VERSION)
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()));
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([ServerBuilder::new().url("/api").build(), ServerBuilder::new().url("/ufws").build()]))
        .paths(paths)
        .components(Some(components(&schemas)))
        .build()
}

/// Made once: anybody may ask for it.
async fn document() -> HttpResponse {
    static TEXT: LazyLock<(String, String)> = LazyLock::new(|| {
        // What is made of plain tables has a JSON form, which a test holds.
        let text = openapi().to_json().unwrap_or_default();
        (digest(text.as_bytes()), text)
    });
    let (digest, text) = &*TEXT;
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::ETAG, &format!("\"{digest}\""))];
    (headers, text.as_str()).into_response()
}

fn operation(route: &Route, schemas: &Schemas) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(operation_id(route)))
        .summary(Some(route.about))
        .description(needed(route.access))
        .request_body(request(&route.method, route.path).map(|payload| body(payload, schemas)));
    for name in parameters(route.path) {
        operation = operation.parameter(parameter(name));
    }
    for parameter in route.parameters.iter().flat_map(query_parameters) {
        operation = operation.parameter(parameter);
    }
    for requirement in security(route.access) {
        operation = operation.security(requirement);
    }
    if route.is_only_refused() {
        operation = operation.response("501", Ref::from_response_name(REFUSAL));
    } else {
        operation = successes(operation, route, schemas);
    }
    let refusals: &[&str] = match route.access {
        Access::Open => &["default"],
        _ => &["401", "403", "404", "default"],
    };
    for status in refusals {
        operation = operation.response(*status, Ref::from_response_name(REFUSAL));
    }
    operation.build()
}

/// What is answered when nothing is wrong.
fn successes(operation: OperationBuilder, route: &Route, schemas: &Schemas) -> OperationBuilder {
    let (status, payload) = answer(&route.method, route.path);
    let mut success = ResponseBuilder::new().description(route.about);
    for (kind, content) in contents(payload, schemas) {
        success = success.content(kind, content);
    }
    let operation = operation.response(status, success.build());
    if route.method != Method::GET {
        return operation;
    }
    let operation = operation.response("304", Response::new("What the client has is still true"));
    if payload != Payload::Bytes {
        return operation;
    }
    let mut part = ResponseBuilder::new().description("The range that was asked for");
    for (kind, content) in contents(payload, schemas) {
        part = part.content(kind, content);
    }
    operation.response("206", part.build()).response("416", Ref::from_response_name(REFUSAL))
}

fn components(schemas: &Schemas) -> utoipa::openapi::Components {
    let basic = Http::new(HttpAuthScheme::Basic);
    let key = |name: &str, about: &str| {
        SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description(name, about)))
    };
    let mut refusal = ResponseBuilder::new().description("The request is refused");
    for (kind, content) in contents(Payload::Document("uforgeError"), schemas) {
        refusal = refusal.content(kind, content);
    }
    let mut components = ComponentsBuilder::new()
        .security_scheme("basic", SecurityScheme::Http(basic))
        .security_scheme("apiKey", key("apiKey", "The public key; `signature` follows as the last parameter"))
        .security_scheme(
            "signature",
            key("signature", "HMAC-SHA1 of the URI under the secret key, in base64"),
        )
        .security_scheme("downloadId", key("downloadId", "An image's `downloadKey`, good for one download"))
        .response(REFUSAL, refusal.build());
    for (name, schema) in schemas.all() {
        components = components.schema(name, schema);
    }
    components.build()
}

fn body(payload: Payload, schemas: &Schemas) -> RequestBody {
    let mut body = RequestBodyBuilder::new().required(Some(Required::True));
    for (kind, content) in contents(payload, schemas) {
        body = body.content(kind, content);
    }
    body.build()
}

/// What of a payload stands in which media type.
fn contents(payload: Payload, schemas: &Schemas) -> Vec<(&'static str, Content)> {
    match payload {
        Payload::Nothing => Vec::new(),
        Payload::Bytes => vec![("application/octet-stream", Content::new(None::<RefOr<_>>))],
        Payload::Upload => ["application/octet-stream", "multipart/form-data"]
            .map(|kind| (kind, Content::new(None::<RefOr<_>>)))
            .into(),
        Payload::Document(root) => {
            let name = schemas.of_root(root);
            let reference = Ref::from_schema_name(name);
            // In JSON the root's name is the one field of an object around it.
            let json = ObjectBuilder::new().property(root, reference.clone()).required(root);
            vec![
                ("application/xml", Content::new(Some(reference))),
                ("application/json", Content::new(Some(json))),
            ]
        }
    }
}

fn security(access: Access) -> Vec<SecurityRequirement> {
    let none: [&str; 0] = [];
    let basic = SecurityRequirement::new("basic", none);
    let key = SecurityRequirement::new("apiKey", none).add("signature", none);
    match access {
        Access::Open => Vec::new(),
        Access::Account | Access::Entitled(_) => vec![basic, key],
        Access::DownloadKey => vec![SecurityRequirement::new("downloadId", none), basic, key],
    }
}

fn needed(access: Access) -> Option<String> {
    let Access::Entitled(any) = access else { return None };
    let names: Vec<&str> = any.iter().map(|one: &Entitlement| one.name()).collect();
    Some(format!("The account needs the entitlement {}.", names.join(" or ")))
}

/// The names in braces.
fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn parameter(name: &str) -> ParameterBuilder {
    let schema = if name.ends_with("id") && name != "uid" {
        let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
        ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer)).format(Some(format))
    } else {
        ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
    };
    let about = (name == "uid").then_some("The account's login name, or its number");
    let parameter =
        ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    parameter.schema(Some(schema)).description(about)
}

/// A parameter of the query, under each of its names.
fn query_parameters(parameter: &Parameter) -> impl Iterator<Item = ParameterBuilder> {
    let of = |kind| ObjectBuilder::new().schema_type(SchemaType::Type(kind));
    let schema: RefOr<Schema> = match parameter.kind {
        ParameterKind::Text => of(Type::String).into(),
        ParameterKind::Texts => ArrayBuilder::new().items(of(Type::String)).into(),
        ParameterKind::Number => of(Type::Integer).minimum(Some(0)).into(),
        ParameterKind::Flag => of(Type::Boolean).into(),
    };
    let Parameter { name: first, about, .. } = *parameter;
    parameter.names().map(move |name| {
        let about = if name == first { about.to_owned() } else { format!("The same as `{first}`") };
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .schema(Some(schema.clone()))
            .description(Some(about))
    })
}

/// `get_users_uid_scannedinstances`.
fn operation_id(route: &Route) -> String {
    let mut id = route.method.as_str().to_ascii_lowercase();
    for segment in route.path.split('/').filter(|segment| !segment.is_empty()) {
        id.push('_');
        id.push_str(segment.trim_matches(['{', '}']));
    }
    id
}

/// Only these are in the table, which a test holds.
fn http_method(method: &Method) -> HttpMethod {
    match method.as_str() {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

const REFUSAL: &str = "refusal";
const ABOUT: &str = "Answers are XML, or JSON if `Accept` prefers it. In JSON the root element's name is the one field of an \
                     object around the document, and a list is an array in its wrapper. URIs in documents are relative to \
                     the API's base.";

#[cfg(test)]
mod tests;
