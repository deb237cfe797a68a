-- The words and ids of a small split's rows, so that it need not be opened when what is looked for is not in it; see `filter.rs`. NULL for a larger split, and for one that is older
-- than this column.
ALTER TABLE splits ADD COLUMN filter BLOB;
