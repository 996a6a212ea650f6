// Package engine decides whom to page about an incident, when, on which channel, and when to stop. It is
// the one place where the rules below are written down as code.
//
// Step takes an incident, an event and what may be known of the world, and returns the incident as it is
// afterwards, with what is to be done: Send, Withdraw, Note. Deadline says when time alone will change
// something. Everything else here is a value.
//
// It never reads a clock, draws a random number, logs, stores, sends or asks anybody: the caller brings
// the time and the answers of the rosters, saves the incident and records the effects in one transaction,
// and sends after the commit. So the same function pages at night, explains in the morning what it did,
// tells who would be paged, and is searched state by state in the tests.
//
// # The rules
//
// Tests cite them by number. A change of behaviour changes the rule in the same commit.
//
//  1. Accepted is durable: whoever reports trouble is told "accepted" only after it was committed, or, while
//     the database does not answer, was written and fsync'd to the node's disk. What is told again with the
//     same id (Alert.Once) counts once. This rule lives in engine/pager, api/intake and api/spool.
//  2. No dead ends. An escalation that nobody has acknowledged always has a deadline.
//  3. A level on which nobody can be paged is passed over at once, and the timeline says why: nobody on
//     call, no usable contact, or declined in this round.
//  4. Every ladder ends at the catch-all roster, the incident manager on call. If nobody there can be
//     paged, the configured last resort is. After that the ladder begins again, without end.
//  5. One acknowledgement stops that escalation for everybody it paged: open pages end, what is queued is
//     withdrawn, calls are hung up, and whoever's page was open hears who has it (package pager). Other
//     escalations of the incident go on.
//  6. The first to acknowledge the manager's escalation, the first of every incident, is the incident
//     manager, and the incident moves from new to fixing.
//  7. An acknowledgement runs out, after the time that the policy gives for the severity, else half an
//     hour for 1, an hour for 2, never for 3. The holder is asked first, on their own channels; without
//     an answer in AskFor the ladder resumes from its first level. Any activity of people on the incident
//     extends it.
//  8. Declining moves on to the next level at once.
//  9. Severity decides when. 1 and 2 page now; 3 waits for the service's working hours. Raising it pages
//     at once; lowering it withdraws nothing. A service may have its first page wait for a delay, so that
//     what is over by itself pages nobody; and while it is in maintenance nothing begins to page, however bad
//     it gets, until that is over. What pages already goes on.
//  10. A machine never acknowledges. Only an Answer does, which is made by code that has seen a person's
//     key, reply, button or sign-in. News of a message (Reported) never does.
//  11. A failed or silent message does not wait: when it is refused, not delivered, or without a receipt
//     in time (SMS 30 s, calls 40 s, a push to a browser 20 s, unless set otherwise; other pushes give none),
//     the next contact is tried now; and the same contact once more with the next of its channel's
//     providers, unless nobody can reach it: the number is dead, or the person did not pick up. Who does not
//     answer is called again:
//     once every contact was tried, the last call of the plan, else its last message, is made again as often
//     as the person wants for the severity, for as long as the page is open.
//  12. The first page of an incident to a person is never throttled. In a storm, when one phone or topic
//     had three messages within ten seconds, what comes on top goes out within two seconds as one message
//     that names every incident; what follows, the next contacts, may wait for each other half a minute.
//     A phone rings for one call at a time. Nothing is dropped. This rule lives in engine/pager.
//  13. A repeated alert joins its open incident: it is counted, and pages nobody unless it is worse. Which
//     incident that is, and that a resolved one is not joined, is decided in engine/pager. A service may
//     have what comes back soon open the same incident again, and alerts that have something in common
//     be one incident, which is over when all of them are.
//  14. Every message begins with key, severity and summary. Wording lives in notifiers; here key and
//     summary never change once the incident is open.
//  15. Policy and contact plan are frozen: the ladder when its escalation begins, the plan when its page
//     begins: for severity 1 and 2 the person's plan to wake, for 3 the one to tell. Who is on call is asked at the
//     moment of paging, at every level anew.
//  16. The past does not change. This rule lives in rosters.
//  17. Every decision has a reason from the closed list in effect.go. It is written to the timeline with
//     what it was decided from.
//  18. Time during which Rouse was stopped counts for nobody. After LongStop or more without anybody who
//     kept time, a level that was being paged begins anew, a holder who was being asked is asked anew,
//     and an acknowledgement and what is left of earlier plans are put off by as long as the stop lasted.
//     Nothing is paged for what was resolved or acknowledged before.
//  19. A drill is no trouble and says so. It pages one person over their real plan to wake, and nobody behind
//     them; any answer of theirs, a decline too, passes it and ends it at once. Without one it fails when it is
//     over, or as soon as no contact is left. It goes after every page (package pager), and makes nobody a manager.
//  20. What people write down of an incident pages nobody and stops nothing. Each change stands in the timeline with
//     what was there before, so that the record can be told from it.
//
// # What the rules leave open, and is decided here
//
// Ladders:
//   - A person who stands on a level twice is paged once. Whoever is paged anew by the same escalation has
//     one plan at a time: the earlier page is superseded.
//   - Pages of earlier levels stay open, and their contacts go on, until somebody acknowledges: two people
//     who answer are better than none. They also go on while a severity that was lowered to 3 makes the
//     next level wait.
//   - The first contact of a plan never waits, whatever its After says, and a late tick catches up with
//     everything that is due but begins one level only.
//   - When every contact of everybody who is paged on the current level has failed, the level is over at
//     once. Silence is not failure: the message may have arrived.
//   - Calling again keeps no level from ending, and goes on beside the levels that follow. How often is frozen
//     with the plan; a call that comes late is made once. It stops when the severity is lowered to 3.
//   - A ladder that came to its end begins again at once, but no sooner than LadderRest after it last
//     began: with everybody unreachable it does not spin.
//   - Somebody on call at the catch-all who does not answer is not replaced by the last resort; an empty
//     catch-all is.
//
// Answers:
//   - Anybody may acknowledge, paged or not. An answer that names neither page nor escalation is about all
//     open pages of that person, else what they hold, else (to acknowledge) the manager's escalation.
//   - Every decline of the current level moves on, also while others of that level have not answered; a
//     decline of an earlier level only ends that person's page. Whoever declined is left in peace until
//     the ladder begins again, which may be at once if nobody else is left.
//   - A holder who declines hands the escalation back: the ladder resumes, without them in that round.
//   - Whoever comes second is told who has it; while a holder is being asked, the next to answer gets it.
//   - An attempt that was answered arrived, whatever was heard of it, and is not sent again. A call that
//     carries the answer is not hung up.
//   - Answers may be told twice if they name their page. A decline that names nothing is about what it
//     finds: whoever retries one makes sure that it is told once.
//
// Acknowledgements:
//   - Activity is an acknowledgement, a comment or the like (Active), a change of severity, and a team
//     paged in. Declining is not, and neither is anything a machine does: a repeated alert, a receipt,
//     time. A holder who is being asked and shows activity other than an answer about something else has
//     answered.
//   - A holder without any usable contact, or all of whose contacts fail, is not waited for.
//   - While the ladder resumes the incident stays fixing, without a manager.
//
// Routing:
//   - The operator's words for severities come first, then the rules for all alerts, then those of the team
//     that owns the service as it is by then; of each list the first that matches wins.
//   - A rule that fails may have been the one that was meant: nothing behind it is asked, and the catch-all
//     roster is paged on the first level beside the policy's. A rule that leads to a service or policy that
//     is not there leads to the catch-all roster.
//   - Whose trouble an alert is, is told by the service as the sender names it and the dedup key: rules may
//     change while an incident is open, and its end finds it all the same.
//   - Whom the sender wants paged (responders) is paged on a level before those of the policy.
//
// Noise:
//   - A delay counts from the opening. What keeps a ladder from beginning keeps each of the incident's from
//     it, but for a team that a person pages in.
//   - A maintenance also holds back what waited for a delay or for working hours that end while it is on: it is
//     asked when they do, and when the severity rises before. A level that somebody escalates to it does not, and pages
//     of earlier levels go on.
//   - Whether a maintenance holds an incident back is asked each time that something happens to it, by the
//     alert that opened it and of the incident's service, also when it comes back by an alert that rules send
//     to another: one that is extended, cut short or taken away counts at once. A condition that fails holds
//     nothing back.
//   - What comes back begins the manager's ladder anew, without a manager, and those of rosters that a rule had
//     paged beside, whoever had answered there: what they answered is over. Teams that a person paged in came
//     for what was; a person pages them in again. If the service wants what flaps to page
//     once, the source's word that it is over has to hold for as long as the trouble has to come back in;
//     a person's word counts at once.
//   - What closes by itself closes so long after its last alert, whoever holds it. Nobody is paged about what is
//     over by then, whatever happens at that moment.
//   - A group is over when each of its alerts is; one without a dedup key is not before a person says so. Once a
//     group that was over comes back, only what is told from then on counts.
//   - A source may take an acknowledgement back and escalate; it acknowledges and snoozes only in the name
//     of a person (rule 10). What it says besides is no activity. The level that is escalated to is paged at
//     once, whatever the hour.
//   - A snooze is not cut short by activity. Another severity has the acknowledgement count anew.
//
// Severity:
//   - Working hours are asked for at the beginning of every level. A team that a person paged in is not
//     put off.
//   - Raising begins the current level anew, for everybody on it. If the escalation is acknowledged, the
//     holder is asked, unless it was the holder who raised it. Alerts raise the severity, never lower it.
//
// Stops:
//   - A level that begins anew asks its rosters anew, with new pages from their first contact and its full
//     wait, as one whose severity was raised does. Who declined in this round is not asked again.
//   - Whoever was paged on the level and is not on it any more keeps an open page, whose plan goes on where
//     it was; so do the pages of earlier levels.
//   - Working hours, delays, maintenances and the rest between two rounds are not put off: what they waited
//     for has come. The time for which it has to be calm, or silent, is: nobody could have told of an alert.
//   - Heartbeats are told of shorter gaps, too, and apart from incidents: see Heartbeat.
//
// Teams: a team that is being paged in the same role already is not paged twice. Once it acknowledged, it
// can be paged in again, for more of them.
//
// # States
//
// An incident:
//
//	       manager's escalation acknowledged
//	new ---------------------------------------> fixing
//	 |                                             |
//	 +------------------ Ended --------------------+----> resolved
//
// Nothing about a resolved incident moves any more, but news of its messages is kept. A fixing incident
// does not become new again.
//
// An escalation:
//
//	Alerted, PagedIn
//	      |
//	      |    a level begins: severity 3, outside working hours
//	      |    +-----------------------------------------> Waiting
//	      v    |                                              |
//	+--> Climbing <-------------------------------------------+
//	|     |  |   ^           hours open, or severity raised
//	|     |  |   |
//	|     |  +---+ level over, failed or declined: the next one;
//	|     |        after the last one again, at once or after a rest (Level -1)
//	|     |
//	|     | acknowledged
//	|     v                expired, or severity raised
//	|  Acknowledged ----------------------------------> Asking
//	|     |     ^                                        |  |
//	|     |     +----------------------------------------+  |
//	|     |          still on it, or taken by another       |
//	|     |                                                 |
//	|     | handed back, or the holder                      | no answer, handed back,
//	|     | has no contact any more                         | or every contact failed
//	+-----+-------------------------------------------------+
//
//	any of them -- incident resolved --> Stopped
//
// Waiting can be acknowledged too. Every state but Acknowledged and Stopped has a time of its own at which
// it ends; Acknowledged has one unless its severity never expires.
//
// A page:
//
//	      +-- the person acknowledged ------------------------> acknowledged
//	open -+-- the person declined ----------------------------> declined
//	      +-- somebody else acknowledged, incident resolved --> covered
//	      +-- the person is paged anew, the ladder resumed ---> superseded
//
// Only an open page starts contacts. A closed one may still be answered, and answers for its escalation;
// declined through, it is declined from then on.
//
// An attempt, in the order that news of it never goes back:
//
//	Queued --> Sending --> Sent --> Failed --> Delivered
//	   |          |
//	   +----------+--> Withdrawn
//
// Each may be skipped. Queued and Withdrawn are decided here, Sending by the worker that takes it, the
// others are Reported. A Queued attempt is withdrawn when its page ends; one that is on its way already is
// Unwanted: a worker that loses it withdraws it, and a call that still begins to ring is hung up.
package engine
