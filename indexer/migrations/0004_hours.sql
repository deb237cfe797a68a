-- How many rows of a split lie in each hour, by instance and level; see `catalog/hours.rs`. NULL for a split that is older than this column.
ALTER TABLE splits ADD COLUMN hours BLOB;
