-- Intake: who sends, what senders say, and what is told twice.

-- A key may belong to one dialect, and say what that has to know of the sender: fields, mappings. What is secret
-- among it (what senders sign with) is encrypted.
alter table api_key add column dialect text not null default '';
alter table api_key add column settings jsonb not null default '{}';
alter table api_key add column sealed bytea not null default '';

-- Words as the sender has them; what a rule may look at; and the sender's own id of what happened, which counts
-- once however often it is told.
alter table alert add column word text not null default '';
alter table alert add column labels jsonb not null default '{}';
alter table alert add column note text not null default '';
alter table alert add column by text not null default '';
alter table alert add column once text;
create unique index alert_once on alert (once) where once is not null;
