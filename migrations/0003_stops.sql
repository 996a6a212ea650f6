-- After a stop, and in a storm: when somebody last kept time, and which attempts go out as one message.

-- The last moment at which a node kept time, by the clock of incidents; null until one does. It is written every few
-- seconds, in place.
create table pulse (
    id         boolean primary key default true check (id), -- one row
    at         timestamptz,
    resumed_at timestamptz -- when the last stop was noticed
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
insert into pulse default values;

-- Since when nobody kept time for the incident: its next tick is told so. Null if somebody does.
alter table incident add column stopped_at timestamptz;
create index incident_stopped on incident (id) where stopped_at is not null;

-- The nonce of the attempt whose message named this one as well, its own if it led; '' if it went out alone.
alter table attempt add column bundle text not null default '';
create index attempt_bundle on attempt (bundle) where bundle <> '';
create index attempt_bundled on attempt (address, channel, claimed_at) where bundle <> '';
