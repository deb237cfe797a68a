//! `limit`: so many rows; the search behind it ends when they are there.

use super::{Flow, Item, Operator, Out, Taken};

/// How many rows may still pass.
pub(super) struct Limit(pub(super) usize);

impl Operator for Limit {
    fn take(&mut self, item: Item, out: &mut Out<'_>) -> Taken {
        if self.0 == 0 {
            return Ok(Flow::Enough);
        }
        self.0 -= 1;
        let flow = out.push(item)?;
        Ok(if self.0 == 0 { Flow::Enough } else { flow })
    }
}
