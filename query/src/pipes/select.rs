//! `fields`: these columns alone.

use super::cell::value;
use super::{Item, Operator, Out, Taken};
use crate::plan::steps::Column;

/// See the module.
pub(super) struct Select {
    pub(super) columns: Vec<Column>,
    pub(super) epoch: u64,
}

impl Operator for Select {
    fn take(&mut self, item: Item, out: &mut Out<'_>) -> Taken {
        out.push(Item::Cells(self.columns.iter().map(|column| value(&item, column, self.epoch)).collect()))
    }
}
