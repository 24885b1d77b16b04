//! What the benchmarks have in common: sessions of given sizes, and the floor.

mod tasks;

use std::time::Duration;

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha1::Sha1;

pub use tasks::{SIZES, Task, tasks};

/// A key as long as one that `dewar key new` or `secrets.token_hex()` makes.
pub const KEY: &str = "4f8a3b1c9d2e7f605142839fbacde0175b6c7d8e9f0a1b2c3d4e5f6071829304";

/// The floor compresses where Dewar does, so that both do the same work.
const COMPRESSED_FROM: usize = 1536;

/// A session whose JSON has about `size` bytes: a login, and a cart that fills the rest.
pub fn session(size: usize) -> Map<String, Value> {
    let mut session = Map::new();
    session.insert("_permanent".into(), json!(true));
    session.insert("_user_id".into(), json!("184467"));
    session.insert(
        "csrf_token".into(),
        json!("b7c1e0a49d5f4e3c8a2b6d7e9f0a1b2c3d4e5f60"),
    );
    session.insert("locale".into(), json!("en_GB"));
    session.insert("visits".into(), json!(17));
    let mut item = 0u64;
    let mut cart = Vec::new();
    while serde_json::to_string(&session).unwrap().len() + cart_size(&cart) < size {
        item += 1;
        let sku = item.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        cart.push(json!({"sku": sku, "name": format!("article {sku:x}"), "count": item % 5 + 1}));
    }
    if !cart.is_empty() {
        session.insert("cart".into(), Value::Array(cart));
    }
    session
}

fn cart_size(cart: &[Value]) -> usize {
    serde_json::to_string(cart).unwrap().len() + 8
}

/// The straightforward way with the same libraries: two keyed HMACs, base64, `serde_json` to and from a map.
pub struct Floor {
    hmac: Hmac<Sha1>,
}

impl Floor {
    pub fn new(key: &str) -> Floor {
        let mut derive = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap();
        derive.update(b"cookie-session");
        let key = derive.finalize().into_bytes();
        Floor {
            hmac: Hmac::new_from_slice(&key).unwrap(),
        }
    }

    pub fn open(&self, cookie: &str) -> Map<String, Value> {
        let (signed, signature) = cookie.rsplit_once('.').unwrap();
        let mut hmac = self.hmac.clone();
        hmac.update(signed.as_bytes());
        let signature = base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(signature)
            .unwrap();
        hmac.verify_slice(&signature).unwrap();
        let (payload, _timestamp) = signed.rsplit_once('.').unwrap();
        let json = match payload.strip_prefix('.') {
            None => base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap(),
            Some(payload) => {
                let compressed = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap();
                let mut json = Vec::new();
                std::io::Read::read_to_end(
                    &mut flate2::read::ZlibDecoder::new(&compressed[..]),
                    &mut json,
                )
                .unwrap();
                json
            }
        };
        serde_json::from_slice(&json).unwrap()
    }

    pub fn save(&self, session: &Map<String, Value>) -> String {
        let json = serde_json::to_vec(session).unwrap();
        let mut cookie = String::new();
        if json.len() <= COMPRESSED_FROM {
            base64_simd::URL_SAFE_NO_PAD.encode_append(&json, &mut cookie);
        } else {
            let mut compressor =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            std::io::Write::write_all(&mut compressor, &json).unwrap();
            cookie.push('.');
            base64_simd::URL_SAFE_NO_PAD.encode_append(&compressor.finish().unwrap(), &mut cookie);
        }
        cookie.push('.');
        base64_simd::URL_SAFE_NO_PAD.encode_append(&1_700_000_000u32.to_be_bytes(), &mut cookie);
        let mut hmac = self.hmac.clone();
        hmac.update(cookie.as_bytes());
        let signature = hmac.finalize().into_bytes();
        cookie.push('.');
        base64_simd::URL_SAFE_NO_PAD.encode_append(&signature, &mut cookie);
        cookie
    }
}

/// How long each of many pieces of work took.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn extend(&mut self, more: Times) {
        self.0.extend(more.0);
    }

    /// In µs.
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<Duration>().as_secs_f64() * 1e6 / self.0.len() as f64
    }

    /// In µs: the median, the time that one in a hundred and one in a thousand exceeds, and the longest.
    pub fn figures(mut self) -> Value {
        self.0.sort();
        let at = |share: f64| {
            let at = ((self.0.len() as f64 * share) as usize).min(self.0.len().saturating_sub(1));
            self.0.get(at).map(|time| time.as_secs_f64() * 1e6)
        };
        json!({"p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "longest": at(1.0)})
    }
}

/// The first, the median and the third.
pub fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| {
        values
            .get(values.len() * quarter / 4)
            .copied()
            .unwrap_or(f64::NAN)
    })
}
