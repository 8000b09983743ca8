//! Columns that fit: the least important go first where there is no room, and one takes what is left over.

use ratatui::layout::Rect;

use crate::{config::theme::Role, ui::Paint};

/// One column of a list. `C` is the screen's own name for it.
#[derive(Clone, Copy, Debug)]
pub struct Column<C> {
    pub id: C,
    pub title: &'static str,
    pub width: u16,
    pub right: bool,
    /// 0 stays whatever happens; the highest goes first.
    pub rank: u8,
}

impl<C> Column<C> {
    pub const fn left(id: C, title: &'static str, width: u16, rank: u8) -> Self {
        Self { id, title, width, right: false, rank }
    }

    pub const fn right(id: C, title: &'static str, width: u16, rank: u8) -> Self {
        Self { id, title, width, right: true, rank }
    }
}

/// Where each column that fits stands, from `x` on in `width` cells, one blank between two. The column `greedy` grows to fill the rest.
#[derive(Clone, Debug)]
pub struct Table<C> {
    places: Vec<(Column<C>, u16)>,
}

impl<C: Copy + PartialEq> Table<C> {
    pub fn fit(columns: &[Column<C>], greedy: C, area: Rect) -> Self {
        let mut kept: Vec<Column<C>> = columns.to_vec();
        let needed = |kept: &[Column<C>]| kept.iter().map(|column| column.width + 1).sum::<u16>().saturating_sub(1);
        while needed(&kept) > area.width {
            let Some(most) = kept.iter().map(|column| column.rank).max().filter(|&rank| rank > 0) else { break };
            let dropped = kept.iter().rposition(|column| column.rank == most).expect("one has the highest rank");
            kept.remove(dropped);
        }
        let spare = area.width.saturating_sub(needed(&kept));
        let mut x = area.x;
        let mut places = Vec::with_capacity(kept.len());
        for mut column in kept {
            if column.id == greedy {
                column.width += spare;
            }
            // Where even the columns that must stay do not fit, the last ones are cut at the edge.
            column.width = column.width.min(area.right().saturating_sub(x));
            let next = x + column.width + 1;
            places.push((column, x));
            x = next;
        }
        Self { places }
    }

    pub fn columns(&self) -> impl Iterator<Item = &Column<C>> {
        self.places.iter().map(|(column, _)| column)
    }

    pub fn place(&self, id: C, y: u16) -> Option<Rect> {
        let (column, x) = self.places.iter().find(|(column, _)| column.id == id)?;
        Some(Rect::new(*x, y, column.width, 1))
    }

    pub fn header(&self, paint: &mut Paint<'_>, y: u16) {
        for (column, x) in &self.places {
            let area = Rect::new(*x, y, column.width, 1);
            if column.right {
                paint.text_right(area, column.title, Role::Header);
            } else {
                paint.text(area, column.title, Role::Header);
            }
        }
    }

    /// Paints one cell, if its column is there.
    pub fn cell(&self, paint: &mut Paint<'_>, id: C, y: u16, text: &str, role: Role) {
        let Some(area) = self.place(id, y) else { return };
        if self.places.iter().any(|(column, _)| column.id == id && column.right) {
            paint.text_right(area, text, role);
        } else {
            paint.text(area, text, role);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column<char>; 3] =
        [Column::left('n', "NAME", 8, 0), Column::right('c', "CPU", 5, 2), Column::right('a', "AGE", 4, 1)];

    fn shown(width: u16) -> String {
        Table::fit(&COLUMNS, 'n', Rect::new(0, 0, width, 1)).columns().map(|column| column.id).collect()
    }

    #[test]
    fn the_least_important_column_goes_first() {
        assert_eq!([19, 18, 12, 5].map(shown), ["nca", "na", "n", "n"]);
    }

    #[test]
    fn the_greedy_column_takes_what_is_left_over() {
        let table = Table::fit(&COLUMNS, 'n', Rect::new(2, 0, 40, 1));
        assert_eq!(table.place('n', 0), Some(Rect::new(2, 0, 29, 1)));
        assert_eq!(table.place('a', 0), Some(Rect::new(38, 0, 4, 1)));
    }
}
