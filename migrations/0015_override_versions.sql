-- So that whoever changes an override knows that nobody else did meanwhile.
alter table override add column version integer not null default 1;
