// Package simulator takes the engine through nights that go wrong, by the million: the real engine.Step
// and Deadline, with a model of the shell around them, two or three nodes on one database that crash
// between any two effects, stop and wake up, lose their database, their queue and their providers, and now
// and then stand still all together, for seconds or for hours.
//
// A run is a small world drawn from a seed and is the same each time. Time is virtual, there is no
// goroutine, clock or network in it. First everything goes wrong that the seed says, for some minutes;
// then all faults end, nobody answers any more, and time goes on until every ladder must have been
// climbed once. What has to hold is checked at every step and at the end.
//
// # What has to hold
//
// At every step, from the outside: what is committed, what a provider is asked for, what people are told.
//
//   - accepted: an alert whose sender was told so is stored, with the incident it went to.
//   - one incident: one trouble has one open incident, and an alert that joins it pages nobody if it is no
//     worse.
//   - deadline: the deadline that is stored is what Deadline says of all that is stored.
//   - no dead end: an escalation that nobody holds has a time at which it goes on, and so has an
//     acknowledgement that can run out.
//   - level by level: a ladder skips no level but one on which nobody could be paged at that moment, and
//     begins again only after its end.
//   - right people: who is paged was on call at that moment, could be reached and had not declined; and
//     nobody who was is left out.
//   - working hours: severity 3 pages only within them, and nothing else waits for them.
//   - held back: what begins during a maintenance, or may be over soon, waits for the end of it, and for nothing
//     else; a maintenance that is changed is asked for anew.
//   - comes back: what comes back soon after it was resolved opens the same incident again.
//   - contacts: a page is sent at once, and its next contact is tried when its time has come, or the one
//     before failed or gave no sign; who wants to be called again is; nobody waits for a level all of whose contacts failed.
//   - peace: once somebody holds an escalation nobody else is paged by it; a resolved incident pages nobody.
//   - an answer of their own: only who has answered holds an escalation, and nobody takes it from them.
//   - told is stored: who was told that it is theirs holds it by what is committed.
//   - acted on once: an answer that its provider repeats counts once.
//   - fencing: under one generation one worker holds an attempt, in one message, and nobody takes it from
//     one whose lease runs; a worker whose generation is over writes nothing and keeps no lease.
//   - news: what was heard of an attempt never goes back.
//   - silence: no send begins once all that the message tells was answered before the worker last looked,
//     nor later than a second after such an answer, but by a worker that could not ask, or that slept between
//     its claim and its first send, for no longer than it believes its lease.
//   - leases: no send begins under a lease that is over, unless the worker has just been told that it still
//     has the message, or could not ask (Tally.Late).
//   - duplicates: no send begins after one of the same message that was reported for anything that it told,
//     and of an attempt no more messages arrive than one and those whose sending was interrupted.
//   - asked first: no provider that can be asked is sent a message again before it was asked.
//   - together: what one message tells is for one person at one place.
//   - one fate: news of a message is known of all that it told.
//   - all that it names: an answer to a message answers everything that the message named.
//   - first pages first: only next contacts are told to wait longer than two seconds for others.
//   - hung up: no call is hung up that is still wanted for anything that it told.
//   - after a stop: an incident that waited for something through a long stop is told of it before anything
//     else happens to it, once, and of no stop that was none; nothing that waited is claimed before. Then its
//     level is paged anew and has its full wait, a holder who was being asked is asked anew, and what is put
//     off is later by as long as nobody kept time. "level by level" and "right people" see to it that no
//     level is skipped and nobody left out, and "peace" that nothing is sent for what was resolved meanwhile.
//   - drills apart: a drill pages its person and nobody else, no message tells of it and of anything else, and an
//     answer to it is none to an incident, nor the other way round.
//   - one drill: nobody has two at once.
//   - drills end: at their time, and soon after their person is paged.
//   - drills give way: what a drill sends takes the room of no page, and of what waits for an address it goes last.
//   - in time: while some node is fit nothing waits longer than eleven seconds, whatever became of the others.
//   - calm: where nothing goes wrong every message arrives once, from its first worker, nothing waits longer
//     for others than rule 12 allows, but for phones that ring, and calls that nobody needs are hung up within
//     three seconds.
//
// After the faults:
//
//   - prompt: ten seconds later nothing is overdue, neither a deadline nor an attempt nor a call to hang up.
//   - every level: an escalation that nobody answers has paged every level that fell due.
//   - paged or told why: every accepted incident that is open called a provider, or its timeline says
//     why it could not.
//   - final: every attempt has ended. None is called sent that no provider took, none that is wanted is
//     withdrawn, and each that was made since called its provider.
//   - let go: no call still rings that nobody needs.
//   - an end: the run comes to an end, and nothing panics.
//
// # How to look at a failure
//
// Replay tells the run of a seed as a timeline. go test ./engine/simulator -seed 42 -v does the same, and
// -seeds 1000000 takes that many.
//
// # What is modelled, and what is not
//
// Every function that stands for one of the shell names it, as "pager.claim". The rules of the database's
// statements are in database.go. A transaction holds its incident's row from its first statement to its
// commit, reads at its beginning and writes at its end, so that the statements which take no such lock
// come in between. What goes out together is chosen in such a transaction, too (bundle.go). Sweeps that
// find nothing are left out: what they write, that time is kept, is made up for before the next event
// (stop.go), from which also follows when nobody kept time, in truth.
//
// A bundle of which somebody holds a part for long is given up (Tally.Parted): its parts then go out by
// themselves, may come twice, and an answer to the first message answers less than it named.
//
// Left out are pool sizes and limits per sweep, breakers and Retry-After, codes that
// collide, spoken and written texts, and the rosters' calendar: who is on call is a list of hand-overs.
package simulator
