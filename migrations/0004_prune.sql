-- Upkeep: a place to try out writing, indexes to find what is old by, and vacuum where rows change most.

-- What /readyz and the heartbeat try out whether the database can be written with: a row is inserted and deleted
-- again in one transaction, which commits. Each time the row needs a new page, since what was deleted keeps its
-- place until vacuum, and vacuum gives the pages of an empty table back. A row that is updated in place would tell
-- nothing of a full disk: it finds room on its page, and the log in the segment it has.
create table probe (
    id     bigint primary key,
    filler text not null -- 5,000 bytes: two do not fit on a page
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
alter table probe alter column filler set storage plain; -- neither compressed nor put elsewhere

-- Indexes of what is pruned, oldest first. Each holds only what may still have to go.
create index alert_raw on alert (received_at) where raw <> '';
create index alert_stray on alert (received_at) where incident is null;
create index incident_ended on incident (ended_at) where status = 'resolved';

-- Autovacuum waits for a fifth of a table by default. These tables may have millions of rows of which a few hundred
-- change, and what vacuum has not removed lies in the way of those few: the sweepers look four times a second at the
-- low end of incident_deadline and attempt_unsent, and the queue at that of river_job, which is where the dead
-- entries are. So it comes after a number of changes that hardly grows with the table. The planner's figures age as
-- fast: a partial index is chosen by how many rows are thought to be in it.
--
-- An update is cheap (HOT: no index is touched, and the next reader of the page cleans up) if no indexed column
-- changes and the page has room. Deadlines, leases and states are indexed, as they are searched for: those updates
-- can never be HOT, so incident and attempt depend on vacuum. All updates of an escalation can be, and those of a page
-- that only move on to its next contact; they get room. River's jobs change their state three times in an hour and
-- are deleted: nothing helps there but vacuum.
alter table incident set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500);
alter table attempt set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500);
alter table escalation set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
alter table page set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
alter table river.river_job set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 1000);

-- Alerts are only inserted until their originals are emptied, a thousand at a time.
alter table alert set (autovacuum_vacuum_scale_factor = 0.05);
