//! Whether a number that Prometheus knows keeps within a limit. Asked from here.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Look, Verdict, address::Address, request};
use crate::{
    backend::{StepError, mask},
    domain::text::{clean, shorten},
    plan::wish::{Limit, PrometheusGate},
};

/// How many looks there are at least, where there is time for them.
const LOOKS: u32 = 6;
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A number beyond the limit decides at once. Where there is none yet, one may still come; the last look must have one.
pub async fn judge(look: &Look<'_>, gate: &PrometheusGate, verdict: Verdict<'_>) -> Result<(), StepError> {
    let whole = Duration::from_secs(gate.seconds.into());
    let address = Address::of(&gate.url).map_err(|why| verdict.unsure(why))?;
    let pause = (whole / LOOKS).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    let began = Instant::now();
    loop {
        let found = ask(&address, &gate.query).await;
        let passed = began.elapsed();
        match &found {
            Ok(number) if is_beyond(*number, gate.limit) => return Err(verdict.failed(format!("it is {number}"))),
            Ok(number) => look.tell(&format!("{number}, {} s of {} s", passed.as_secs(), gate.seconds)),
            Err(why) => look.tell(why),
        }
        if passed >= whole {
            return found.map(drop).map_err(|why| verdict.unsure(why));
        }
        sleep(pause.min(whole - passed)).await;
    }
}

fn is_beyond(number: f64, limit: Limit) -> bool {
    // Not a number is neither, and is refused before.
    let thousandths = number * 1000.0;
    match limit {
        Limit::AtMost(most) => thousandths > exact(most),
        Limit::AtLeast(least) => thousandths < exact(least),
    }
}

/// A limit that a person wrote has no 16 digits.
fn exact(thousandths: i64) -> f64 {
    thousandths as f64
}

/// The number, or why there is none.
async fn ask(address: &Address, query: &str) -> Result<f64, String> {
    let base = address.path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let path = format!("{base}/api/v1/query?query={}", encoded(query));
    let unreached = |why: String| format!("Prometheus at {}: {why}", address.host_and_port());
    let connection = address.connect().await.map_err(unreached)?;
    let answer = request::get(connection, &address.host_and_port(), &path, ANSWERS_WITHIN).await.map_err(unreached)?;
    if answer.is_cut {
        return Err("Prometheus answers with far more than one number".into());
    }
    number(answer.status, &answer.body)
}

/// `GET /api/v1/query`
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Said {
    status: String,
    data: Data,
    error: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

fn number(status: u16, body: &[u8]) -> Result<f64, String> {
    let Ok(said) = serde_json::from_slice::<Said>(body) else {
        return Err(format!("it answered {status}, and not as Prometheus does"));
    };
    if said.status != "success" {
        return Err(format!("Prometheus says: {}", shorten(&clean(&mask::text(&said.error)), 200)));
    }
    let result = &said.data.result;
    let value = match (said.data.result_type.as_str(), result.as_array().map(Vec::as_slice)) {
        ("scalar", _) => &result[1],
        ("vector", Some([one])) => &one["value"][1],
        ("vector", Some([])) => return Err("the query finds nothing".into()),
        ("vector", Some(many)) => return Err(format!("the query finds {} series, and must find one", many.len())),
        (other, _) => return Err(format!("the query yields a {}, and must yield a number", clean(other))),
    };
    match value.as_str().map(str::parse::<f64>) {
        Some(Ok(number)) if !number.is_nan() => Ok(number),
        Some(Ok(_)) => Err("the query yields no number (NaN): nothing was counted yet".into()),
        Some(Err(_)) | None => Err("Prometheus answers with no number".into()),
    }
}

/// For the value of a query (RFC 3986: all but the unreserved characters).
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(values: &[&str]) -> Vec<u8> {
        let one = |value: &&str| serde_json::json!({"metric": {}, "value": [1_790_000_000.5, value]});
        let result: Vec<Value> = values.iter().map(one).collect();
        serde_json::json!({"status": "success", "data": {"resultType": "vector", "result": result}})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn one_number_is_read_and_anything_else_is_told_in_words() {
        assert_eq!(number(200, &vector(&["0.25"])), Ok(0.25));
        assert_eq!(number(200, &vector(&["+Inf"])), Ok(f64::INFINITY));
        assert_eq!(number(200, br#"{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}"#), Ok(3.0));
        for (status, body, expected) in [
            (200, vector(&[]), "the query finds nothing"),
            (200, vector(&["1", "2", "3"]), "the query finds 3 series, and must find one"),
            (200, vector(&["NaN"]), "the query yields no number (NaN): nothing was counted yet"),
            (200, vector(&["x"]), "Prometheus answers with no number"),
            (
                200,
                br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#.to_vec(),
                "the query yields a matrix, and must yield a number",
            ),
            (
                400,
                br#"{"status":"error","errorType":"bad_data","error":"1:4: parse error"}"#.to_vec(),
                "Prometheus says: 1:4: parse error",
            ),
            (404, b"<html>".to_vec(), "it answered 404, and not as Prometheus does"),
        ] {
            assert_eq!(number(status, &body), Err(expected.into()));
        }
    }

    #[test]
    fn a_limit_is_kept_up_to_itself() {
        assert!(!is_beyond(0.05, Limit::AtMost(50)));
        assert!(is_beyond(0.051, Limit::AtMost(50)));
        assert!(is_beyond(f64::INFINITY, Limit::AtMost(i64::MAX)));
        assert!(!is_beyond(99.0, Limit::AtLeast(99_000)));
        assert!(is_beyond(98.9, Limit::AtLeast(99_000)));
    }

    #[test]
    fn a_query_is_encoded() {
        assert_eq!(encoded(r#"sum(rate(x{a="b c"}[1m]))"#), "sum%28rate%28x%7Ba%3D%22b%20c%22%7D%5B1m%5D%29%29");
    }
}
