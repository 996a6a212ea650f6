-- What people wrote down about an incident beside what was decided.
alter table incident add column particulars jsonb not null default '{}';
