-- What cost much and served nobody, by measurement: of the work that Postgres did for an incident, a third went
-- into looking up the incident for each of its ten new rows, and a sixth into these indexes.

-- All that belongs to an incident is written in the transaction that holds the incident, or makes it. Who takes an
-- incident away takes that away with it.
alter table escalation drop constraint escalation_incident_fkey;
alter table page drop constraint page_incident_fkey;
alter table attempt drop constraint attempt_incident_fkey;
alter table timeline drop constraint timeline_incident_fkey;
alter table alert drop constraint alert_incident_fkey;

-- Pages and attempts are looked for by incident, of which each has few: their primary keys serve.
drop index attempt_page;
drop index page_live;
drop index page_open;

-- River's indexes for searching in arguments and metadata of jobs, which nobody here does.
drop index if exists river.river_job_args_index;
drop index if exists river.river_job_metadata_index;
