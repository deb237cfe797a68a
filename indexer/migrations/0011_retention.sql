-- How long an instance's rows are kept, such as `30d`; NULL is as long as its module's are, and a module's as long as the whole store's.
ALTER TABLE modules ADD COLUMN retention TEXT;
ALTER TABLE instances ADD COLUMN retention TEXT;
