//! Waiting until one pod is ready, or until that makes no sense any more.

use std::time::{Duration, Instant};

use super::{
    Site,
    pod::Pod,
    replacements::{Patience, Replacements},
    steps::stopped,
};
use crate::{
    backend::{Progress, StepError},
    domain::{InstanceId, Trouble, text::shorten},
};

const LOOK: Duration = Duration::from_millis(500);

/// A pod without a readiness probe is ready as soon as its containers run, so it must stay so for `steady` seconds.
pub async fn wait(
    site: &Site,
    instance: &InstanceId,
    name: &str,
    (within, steady): (u32, u32),
    progress: &Progress,
) -> Result<(), StepError> {
    let what = format!("{name} is not ready");
    let pod = Pod::of(instance).map_err(|fault| stopped(&fault, what.as_str()))?;
    let failed = |why: String, help: Option<String>| {
        let help = help.unwrap_or_else(|| format!("kubectl -n {} describe pod {}", pod.namespace, pod.name));
        StepError::Failed(Trouble::new(what.as_str(), why).help(help))
    };
    let began = Instant::now();
    let (mut patience, mut ready_since, mut last_words) = (Patience::of_new(), None, String::new());
    loop {
        let now = Instant::now();
        let there = Replacements::only(site, &pod).await.map_err(|fault| stopped(&fault, what.as_str()))?;
        let Some(there) = there else { return Err(failed("it is gone".into(), None)) };
        if let Some(trouble) = there.hopeless(&mut patience, now) {
            return Err(failed(trouble.says, Some(trouble.help)));
        }
        let words = if there.ready() > 0 {
            let since = *ready_since.get_or_insert(now);
            let ready_for = now.duration_since(since);
            if ready_for >= Duration::from_secs(steady.into()) {
                return Ok(());
            }
            format!("ready for {} s of {steady} s", ready_for.as_secs())
        } else {
            ready_since = None;
            there.trouble().map_or_else(|| "not ready yet".to_owned(), |trouble| trouble.says)
        };
        if began.elapsed() >= Duration::from_secs(within.into()) {
            let help = there.trouble().map(|trouble| trouble.help);
            return Err(failed(format!("after {within} s: {words}"), help));
        }
        if words != last_words {
            progress(&shorten(&words, 80));
            last_words = words;
        }
        tokio::time::sleep(LOOK).await;
    }
}
