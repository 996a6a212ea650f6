package simulator

// faults is how often what goes wrong. The zero value is a calm night.
type faults struct {
	// At every step of a node.
	kill, stop float64

	// In every transaction or statement.
	lost, unlearnt, unreachable, slowCommit, poison float64

	// For every job of the queue.
	jobLost, jobTwice, jobLate float64

	// For every message.
	hangs, answerLost, neverArrives, refusesNow, refusesHere, breaks, lookupFails, hangUpFails float64
	undelivered, receiptNever, receiptLate, receiptTwice, receiptWrong                         float64

	// People are no fault, but they come with the night.
	acknowledges, declines float64
}

// newFaults draws a night: calm, or each kind of trouble not at all, now and then, or all the time.
func newFaults(d *dice) (f faults) {
	f.acknowledges, f.declines = pick(d, 0, 0.1, 0.3), pick(d, 0, 0.1)
	if d.chance(0.1) {
		return f
	}
	often := func() float64 { return pick(d, 0, 0, 0.5, 1, 3) }
	nodes := often()
	f.kill, f.stop = 0.005*nodes, 0.003*nodes
	db := often()
	f.lost, f.unlearnt, f.unreachable, f.slowCommit, f.poison = 0.02*db, 0.02*db, 0.01*db, 0.02*db, 0.005*db
	queue := often()
	f.jobLost, f.jobTwice, f.jobLate = 0.05*queue, 0.03*queue, 0.05*queue
	out := often()
	f.hangs, f.answerLost, f.neverArrives, f.refusesNow = 0.05*out, 0.05*out, 0.04*out, 0.05*out
	f.refusesHere, f.breaks, f.lookupFails, f.hangUpFails = 0.03*out, 0.05*out, 0.1*out, 0.2*out
	back := often()
	f.undelivered, f.receiptNever, f.receiptLate, f.receiptTwice, f.receiptWrong = 0.1*back, 0.1*back, 0.1*back, 0.1*back, 0.05*back
	return f
}

// breaks are bugs to put into the model on purpose: a simulator that finds none of them proves nothing.
// Only tests set them.
type breaks struct {
	noTakeover            bool // sweeps take nothing over
	takesOverHeld         bool // sweeps do not look at the lease of what is being sent
	takesOverUnwanted     bool // sweeps give what nobody wants to a worker again
	sameGeneration        bool // sweeps do not count the generation up
	noTicks               bool // sweeps let no time pass
	staleDeadline         bool // the deadline is stored once
	claimsAnyState        bool // claims what another worker is sending
	renewsAnyGeneration   bool // leases are renewed whoever has the attempt
	reportsAnyGeneration  bool // reports are taken whoever has the attempt
	callsAllSent          bool // a worker reports "sent" whatever it heard
	sendsWithoutLease     bool // a worker does not look how long ago it claimed
	neverLooks            bool // providers are not asked what they have
	neverAsksWanted       bool // before another try nobody looks whether it is wanted
	handsOverBeforeCommit bool // jobs are seen before their transaction commits
	losesJobs             bool // the queue loses every job
	answersBeforeCommit   bool // senders are told "accepted" before the commit
	tellsBeforeCommit     bool // people are told "it is yours" before the commit
	noUniqueIndex         bool // two transactions may open an incident for the same trouble
	forgetsSeen           bool // an answer that its provider repeats is acted on again
	staleRosters          bool // the rosters are asked as they were when the run began
	ignoresLocks          bool // transactions do not wait for one another
	leavesOutPages        bool // open pages are not loaded
	hangsUpNobody         bool // calls that nobody needs ring on

	// What keeps quiet.
	delaysNothing          bool // incidents begin at once
	bringsNothingBack      bool // nobody looks whether a trouble was resolved not long ago
	asksForMaintenanceOnce bool // nobody asks whether the maintenance is what it was
	asksNobodyAnew         bool // who waits for a maintenance is not looked at when it changes

	trustsItsLook bool // after a look at the providers nobody asks whether a message is wanted

	// Stops.
	tellsNoStop       bool // nobody is told of a stop
	tellsStopsAgain   bool // who was told of a stop is told again
	tellsTheOverdue   bool // only what is overdue is told of a stop
	countsShortStops  bool // short stops are told
	neverAsksForStops bool // only sweeps notice a stop
	claimsStopped     bool // the queue's jobs are sent before their incident is told of a stop
	claimsAsleep      bool // claims do not look whether a stop has been noticed
	ticksAfterStops   bool // a stop is told as a mere tick
	putsNothingOff    bool // a stop is told as one of no length

	// Drills.
	drillsAtOnce   bool // two may begin a drill of the same person
	drillsForEver  bool // drills have no end of their own
	drillsGoOn     bool // no page ends the drill of its person
	drillsTakeRoom bool // what a drill sends is counted against what may go out at once
	drillsFirst    bool // of what waits for an address a drill goes out before what is no worse
	bundlesDrills  bool // a drill goes out together with incidents
	answersAny     bool // an answer is taken for whatever its person is paged for

	// Bundles.
	reportsTheFirst   bool // only the first attempt of a message is reported
	newsOfTheFirst    bool // a provider's news is taken for the first attempt of a message
	answersTheFirst   bool // an answer is taken for the first attempt of a message
	forgetsBundles    bool // who takes a message over does not know what it told
	sendsWhatIsKnown  bool // a message is sent again though a part of it is reported
	takesUnseen       bool // what was read is not looked at again before it is taken
	bundlesAnybody    bool // messages to one place are one, whomever they are for
	hangsUpSomeWanted bool // a call is hung up when one of its pages is answered
	partsForgotten    bool // what told a message that is given up is sent anew, with others
	partsUncounted    bool // a message is given up, and a worker that still has it may go on
	withdrawsAPart    bool // what nobody wants is withdrawn before all that its message told is there
	postponesAll      bool // what fell due since a sweep looked waits with what it found
}
