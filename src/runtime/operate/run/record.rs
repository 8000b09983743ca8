//! How what happens to an operation gets onto the disk, and what is done while the disk is full.

use super::Run;
use crate::{domain::Trouble, plan::execution::Record, runtime::operate::blocking};

impl Run {
    /// What cannot be written down is not begun: the plan turns round. The way back is gone all the same, since half done is worse, and
    /// so is what only tidies up once it was begun.
    pub(super) async fn written_before(&mut self) -> bool {
        let now = self.now();
        let Some(record) = self.execution.beginning(now) else { return false };
        if let Err(trouble) = self.write(record.clone()).await
            && self.execution.may_turn().is_ok()
        {
            self.unwritten.pop();
            self.turn_round(&trouble.line()).await;
            return false;
        }
        self.execution.apply(&record).expect("it was made from what is in hand");
        true
    }

    /// As far as the disk allows: the rest is tried again with the next record.
    pub(super) async fn written(&mut self, record: Record) {
        if let Err(trouble) = self.write(record).await {
            tracing::error!(operation = %self.opening.id, "{trouble}");
        }
    }

    async fn write(&mut self, record: Record) -> Result<(), Trouble> {
        self.unwritten.push(record);
        let mut records = std::mem::take(&mut self.unwritten);
        let mut page = self.page.take().expect("put back below");
        let (page, records, result) = blocking(move || {
            let mut result = Ok(());
            while let (Some(first), Ok(())) = (records.first(), &result) {
                result = page.write(first);
                if result.is_ok() {
                    records.remove(0);
                }
            }
            (page, records, result)
        })
        .await;
        self.page = Some(page);
        self.unwritten = records;
        result
    }
}
