use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, StatusCode, header};

use crate::failure::Failure;

/// Slows down those who try passwords: for each login from each address a few a minute may be wrong.
///
/// Passwords that are remembered and API keys do not come by here: who works already is not disturbed by somebody's guesses.
#[derive(Clone, Debug, Default)]
pub(super) struct Throttle {
    tries: Arc<Mutex<HashMap<Key, Tries>>>,
}

/// Whose tries are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    login: String,
    network: Option<IpAddr>,
}

impl Key {
    /// `login`, in whatever case, from the address, if it is known. An IPv6 address stands for its network of 64 bits, which
    /// one client has whole.
    pub(super) fn new(login: &str, address: Option<IpAddr>) -> Self {
        let network = address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
            address => address,
        });
        Self { login: login.to_ascii_lowercase(), network }
    }
}

impl Throttle {
    /// Counts a try, in advance: those that are under way count, too.
    ///
    /// Fails with 429 when there were too many.
    pub(super) fn begin(&self, key: &Key, now: Instant) -> Result<(), Failure> {
        let mut tries = self.tries();
        if tries.len() >= CAPACITY {
            tries.retain(|_, tries| now < tries.until);
        }
        if tries.len() >= CAPACITY && !tries.contains_key(key) {
            return Err(too_many(WINDOW));
        }
        let new = Tries { count: 0, until: now + WINDOW };
        let tries = tries.entry(key.clone()).or_insert(new);
        if tries.until <= now {
            *tries = new;
        }
        if tries.count >= WRONG {
            return Err(too_many(tries.until - now));
        }
        tries.count += 1;
        Ok(())
    }

    /// Takes a try back that turned out not to be wrong.
    pub(super) fn forgive(&self, key: &Key) {
        let mut tries = self.tries();
        if let Some(of_key) = tries.get_mut(key) {
            of_key.count = of_key.count.saturating_sub(1);
            if of_key.count == 0 {
                tries.remove(key);
            }
        }
    }

    fn tries(&self) -> MutexGuard<'_, HashMap<Key, Tries>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, Debug)]
struct Tries {
    count: u32,
    until: Instant,
}

fn too_many(wait: Duration) -> Failure {
    let message = "too many wrong passwords for this login";
    Failure::new(StatusCode::TOO_MANY_REQUESTS, "authentication.throttled", message)
        .with_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1))
}

/// How many may be wrong within the window.
pub(super) const WRONG: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Each costs its client an Argon2 a minute: there are never so many.
const CAPACITY: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(login: &str, address: &str) -> Key {
        Key::new(login, Some(address.parse().unwrap()))
    }

    #[test]
    fn after_ten_wrong_ones_a_login_waits_for_the_end_of_the_minute() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let guest = key("guest", "10.0.0.1");
        for _ in 0..WRONG {
            throttle.begin(&guest, now).unwrap();
        }
        let refused = throttle.begin(&key("GUEST", "::ffff:10.0.0.1"), now).unwrap_err();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        throttle.begin(&key("guest", "10.0.0.2"), now).unwrap();
        throttle.begin(&key("other", "10.0.0.1"), now).unwrap();
        throttle.begin(&guest, now + Duration::from_secs(59)).unwrap_err();
        throttle.begin(&guest, now + WINDOW).unwrap();
    }

    #[test]
    fn right_ones_do_not_count() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let guest = key("guest", "10.0.0.1");
        for _ in 0..WRONG * 2 {
            throttle.begin(&guest, now).unwrap();
            throttle.forgive(&guest);
        }
        assert!(throttle.tries().is_empty());
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        assert_eq!(key("a", "2001:db8::1"), key("a", "2001:db8::ffff:1"));
        assert_ne!(key("a", "2001:db8::1"), key("a", "2001:db8:0:1::1"));
    }

    #[test]
    fn the_table_is_bounded_and_frees_itself() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for number in 0..CAPACITY {
            throttle.begin(&Key::new(&format!("u{number}"), None), now).unwrap();
        }
        throttle.begin(&Key::new("one", None), now).unwrap_err();
        throttle.begin(&Key::new("one", None), now + WINDOW).unwrap();
        assert_eq!(throttle.tries().len(), 1);
    }
}
