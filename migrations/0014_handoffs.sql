-- Whether those who come on call in a roster and go off are told, in ordinary words.
alter table roster
    add column handoff_silent boolean not null default false,      -- nobody is told
    add column handoff_ahead interval not null default interval '0'; -- how long before, as well; 0: only when it happens
