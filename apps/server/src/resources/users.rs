//! `/users/{uid}` and what the account has besides its machines; `/orgs/{oid}`, of which there is one.

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use diskwright_request::{
    ApiKeyPair, ApiKeyPairs, Common, Entitlement, Org, Orgs, Role, Roles, SshKeys, Time, User,
};

use super::{Ids, Wanted, paths};
use crate::accounts::{self, Identity};
use crate::failure::Failure;
use crate::routes::{Access, Route};
use crate::server::Server;
use crate::store::Account;

pub(super) fn routes() -> Vec<Route> {
    let get = Method::GET;
    let account = Access::Account;
    vec![
        Route::new(get.clone(), paths::user!(""), account, "Shows the account, with its roles", user),
        Route::new(get.clone(), paths::user!("/roles"), account, "Lists the account's roles", roles),
        Route::new(get.clone(), paths::user!("/orgs"), account, "Lists the account's organisation", orgs),
        Route::new(
            get.clone(),
            paths::user!("/sshkeys"),
            account,
            "Lists SSH keys: there are none",
            ssh_keys,
        ),
        Route::new(get.clone(), paths::user!("/apikeys"), account, "Lists the account's API keys", api_keys),
        Route::new(get, "/orgs/{oid}", account, "Shows the organisation", org),
    ]
}

async fn user(State(server): State<Server>, identity: Identity, wanted: Wanted) -> Result<Response, Failure> {
    Ok(wanted.ok(document(own(&server, &identity).await?)))
}

async fn roles(
    State(server): State<Server>,
    identity: Identity,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let account = own(&server, &identity).await?;
    Ok(wanted.ok(Roles::all(role_documents(&account))))
}

async fn orgs(wanted: Wanted) -> Response {
    wanted.ok(Orgs::all(vec![the_org()]))
}

async fn org(Ids([oid]): Ids<1>, wanted: Wanted) -> Result<Response, Failure> {
    if oid == ORG { Ok(wanted.ok(the_org())) } else { Err(Failure::unknown("organisation")) }
}

async fn ssh_keys(wanted: Wanted) -> Response {
    wanted.ok(SshKeys::default())
}

/// The public halves: the secret ones were shown when the keys were made.
async fn api_keys(
    State(server): State<Server>,
    identity: Identity,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let keys = server.store().keys(identity.user).await?.into_iter().map(|key| ApiKeyPair {
        common: Common {
            created: Time::from_milliseconds(key.created),
            db_id: Some(key.id),
            ..Common::default()
        },
        name: Some(key.name),
        description: key.description,
        public_key: Some(key.public_key),
        ..ApiKeyPair::default()
    });
    Ok(wanted.ok(ApiKeyPairs::all(keys.collect())))
}

/// The caller's account; it may have been removed while the request came.
async fn own(server: &Server, identity: &Identity) -> Result<Account, Failure> {
    server.store().account(&identity.login).await?.ok_or_else(Failure::unauthenticated)
}

fn document(account: Account) -> User {
    let uri = format!("users/{}", account.login);
    let below = |name: &str| Some(format!("{uri}/{name}"));
    User {
        common: Common {
            created: Time::from_milliseconds(account.created),
            db_id: Some(account.id),
            last_modified: Time::from_milliseconds(account.modified),
            ..Common::default()
        },
        active: Some(account.active),
        admin: Some(account.roles.iter().any(|role| role == "administrator")),
        base_api_keys_uri: below("apikeys"),
        base_formats_uri: below("formats"),
        base_target_formats_uri: below("targetformats"),
        base_images_uri: below("images"),
        base_orgs_uri: below("orgs"),
        base_publish_images_uri: below("pimages"),
        base_roles_uri: below("roles"),
        org_uris: Some(vec![org_uri()]),
        roles: Some(role_documents(&account)),
        scanned_instances_uri: below("scannedinstances"),
        scans_uri: below("scans"),
        ssh_keys_uri: below("sshkeys"),
        uri: Some(uri),
        login_name: Some(account.login),
        email: account.email,
        first_name: account.first_name,
        surname: account.surname,
    }
}

fn role_documents(account: &Account) -> Vec<Role> {
    let known = account.roles.iter().filter_map(|name| accounts::role(name));
    let document = |role: &accounts::Role| {
        let entitlement = |one: &accounts::Entitlement| Entitlement {
            description: None,
            name: Some(one.name().to_owned()),
        };
        Role {
            common: Common::default(),
            name: Some(role.name.to_owned()),
            description: Some(role.about.to_owned()),
            entitlements: Some(role.entitlements.iter().map(entitlement).collect()),
        }
    };
    known.map(document).collect()
}

/// Every account is in the one organisation, whose formats are the server's.
fn the_org() -> Org {
    let uri = org_uri();
    Org {
        common: Common { db_id: Some(ORG), ..Common::default() },
        default_org: Some(true),
        formats_uri: Some(format!("{uri}/formats")),
        target_formats_uri: Some(format!("{uri}/targetformats")),
        members_uri: None,
        name: Some("diskwright".to_owned()),
        uri: Some(uri),
    }
}

fn org_uri() -> String {
    format!("orgs/{ORG}")
}

/// Its number.
const ORG: i64 = 1;

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode, header};
    use serde_json::{Value, json};

    use super::*;
    use crate::trial::{Trial, request};

    async fn json(trial: &Trial, uri: &str) -> Value {
        let asked = request("guest", Method::GET, uri).header(header::ACCEPT, "application/json");
        let answer = trial.send(asked.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    #[tokio::test]
    async fn an_account_is_shown_with_what_its_roles_allow() {
        let trial = Trial::new().await;
        let user = &json(&trial, "users/guest").await["user"];
        assert_eq!(user["loginName"], "guest");
        assert_eq!(user["active"], true);
        assert_eq!(user["admin"], false);
        assert_eq!(user["uri"], "users/guest");
        assert_eq!(user["scannedInstancesUri"], "users/guest/scannedinstances");
        assert_eq!(user["orgUris"], json!({"uri": ["orgs/1"]}));
        let role = &user["roles"]["role"][0];
        assert_eq!(role["name"], "user");
        let names = [
            json!({"name": "migration_access"}),
            json!({"name": "migration_generate"}),
            json!({"name": "image_generate"}),
            json!({"name": "migration_publish"}),
        ];
        assert_eq!(role["entitlements"]["entitlement"], json!(names));
        assert_eq!(json(&trial, "users/guest/roles").await["roles"]["roles"]["role"], json!([role]));
    }

    #[tokio::test]
    async fn an_account_is_found_by_its_number_and_in_any_case_and_named_as_it_is() {
        let trial = Trial::new().await;
        let number = trial.user("guest").await;
        for uid in ["GUEST".to_owned(), number.to_string()] {
            let user = &json(&trial, &format!("users/{uid}")).await["user"];
            assert_eq!((&user["loginName"], &user["uri"]), (&json!("guest"), &json!("users/guest")));
        }
    }

    #[tokio::test]
    async fn there_is_one_organisation_and_no_ssh_key() {
        let trial = Trial::new().await;
        let list = &json(&trial, "users/guest/orgs").await["orgs"];
        assert_eq!(list["orgs"]["org"][0]["dbId"], 1);
        assert_eq!(list["orgs"]["org"][0]["uri"], "orgs/1");
        assert_eq!(json(&trial, "orgs/1").await["org"]["name"], "diskwright");
        for uri in ["orgs/2", "orgs/one", "orgs/0"] {
            assert_eq!(trial.get(uri).await.status, StatusCode::NOT_FOUND, "{uri}");
        }
        let keys = &json(&trial, "users/guest/sshkeys").await["sshKeys"];
        assert_eq!(keys["sshKeys"]["sshKey"], json!([]));
    }

    #[tokio::test]
    async fn api_keys_are_listed_without_their_secrets() {
        let trial = Trial::new().await;
        let public = accounts::new_public().unwrap();
        let guest = trial.user("guest").await;
        trial.server.store().add_key(guest, "ci", Some("the pipeline"), &public).await.unwrap();
        let list = &json(&trial, "users/guest/apikeys").await["apiKeyPairs"];
        let key = &list["apiKeyPairs"]["apiKeyPair"][0];
        assert_eq!((&key["name"], &key["description"]), (&json!("ci"), &json!("the pipeline")));
        assert_eq!(key["publicKey"], json!(public));
        assert_eq!(key["secretKey"], Value::Null);
    }

    #[tokio::test]
    async fn the_entity_tag_of_an_account_changes_with_it() {
        let trial = Trial::new().await;
        let before = trial.get("users/guest").await;
        let same = Request::get("/api/users/guest")
            .header(header::AUTHORIZATION, "Basic guest:guest")
            .header(header::IF_NONE_MATCH, before.header(header::ETAG));
        assert_eq!(trial.send(same.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_MODIFIED);
        let guest = trial.user("guest").await;
        trial.server.store().change_roles(guest, &["scanner".to_owned()], &[]).await.unwrap();
        assert_ne!(trial.get("users/guest").await.header(header::ETAG), before.header(header::ETAG));
    }
}
