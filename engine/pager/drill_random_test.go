package pager_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
)

// night is a history in which Bob is drilled and paged, answers this and that, and nobody may take one for the other.
type night struct {
	*house
	dice    *rand.Rand
	texts   []notifiers.Message // all that he got
	alerts  int
	drilled int // answers that ended a drill
	taken   int // answers that took an incident
	asked   int // answers after which he was asked back, or told no
	stopped int // drills that a page ended
}

// stands is what became of everything so far: of incidents who manages them, of drills what they showed.
func (n *night) stands() map[string]string {
	n.t.Helper()
	rows, _ := n.db.Query(n.t.Context(), `select i.key, case when i.drill then d.result else i.manager end from incident i left join drill d on d.incident = i.id`)
	all := map[string]string{}
	var key, what string
	if _, err := pgx.ForEachRow(rows, []any{&key, &what}, func() error { all[key] = what; return nil }); err != nil {
		n.t.Fatal(err)
	}
	return all
}

// open lists what waits for an answer of Bob's.
func (n *night) open() []string {
	return ask[[]string](n.house, `select coalesce(array_agg(i.key order by i.id), '{}') from incident i
		where i.status <> 'resolved' and exists (select from page p where p.incident = i.id and p.person = 'bob' and p.state = 'open')`)
}

func isTest(key string) bool { return strings.HasPrefix(key, enginedb.DrillPrefix+"-") }

// drillBob asks for a drill, which begins unless one is under way, or Bob is paged.
func (n *night) drillBob() {
	n.t.Helper()
	open := n.open()
	began, refused, err := n.StartDrills(n.t.Context(), pager.Drilling{Person: "bob", By: "carl"})
	if err != nil || len(began)+len(refused) != 1 || (len(began) == 1) != (len(open) == 0) {
		n.t.Fatalf("with %v open a drill began: %v, was refused: %v, error %v", open, began, refused, err)
	}
	n.arrives()
}

// alertBob is new trouble, of which Bob is told whether he is drilled or not.
func (n *night) alertBob() {
	n.t.Helper()
	n.alerts++
	n.alert(fmt.Sprint("db-", n.alerts))
	n.arrives()
}

// arrives waits until Bob was told of everything: of a drill, and of trouble during it, never in one message.
func (n *night) arrives() {
	n.t.Helper()
	n.phones.expectTold(n.t, bobsNumber, len(n.stands()))
	n.texts = n.phones.sentTo(bobsNumber)
	for _, m := range n.texts {
		if all := keys(m); len(all) > 1 && slices.ContainsFunc(all, isTest) {
			n.t.Fatalf("one message tells of %v", all)
		}
	}
	n.exec(`update attempt set claimed_at = claimed_at - interval '15 seconds' where claimed_at is not null`) // else some are told together
}

// answer is one of Bob's: with the code, the key or the button of a text that he got, old or new, or a bare word.
func (n *night) answer(i int) {
	n.t.Helper()
	m := n.texts[n.dice.IntN(len(n.texts))]
	if n.dice.IntN(3) > 0 { // mostly the last one
		m = n.texts[len(n.texts)-1]
	}
	from, named := pager.From{Number: bobsNumber, Event: fmt.Sprint("SM", i)}, keys(m)
	via := "sms"
	switch n.dice.IntN(4) {
	case 0:
		from.Code = m.Code
	case 1:
		from.Keys, named = []string{m.Key}, []string{m.Key}
	case 2:
		from, via = pager.From{Token: tokenOf(m)}, "button"
	default: // a bare word is about the only thing that waits
		if named = n.open(); len(named) > 1 {
			named = nil
		}
	}
	say := n.Acknowledge
	if n.dice.IntN(4) == 0 {
		say = n.Decline
	}
	before := n.stands()
	r, err := say(n.t.Context(), from, via)
	if errors.Is(err, pager.ErrSeen) {
		n.t.Fatalf("%+v was seen before", from)
	}
	if err != nil {
		n.asked++
	}
	for key, is := range n.stands() {
		switch was := before[key]; {
		case was == is:
		case err != nil || !slices.Contains(named, key):
			n.t.Fatalf("%+v names %v, did %+v, error %v, and made of %s %q what was %q", from, named, r, err, key, is, was)
		case isTest(key):
			n.drilled++
		default:
			n.taken++
		}
	}
}

// look is what a node does each second: trouble goes first.
func (n *night) look() {
	n.t.Helper()
	before, open := n.stands(), n.open()
	n.keep(n.Pager)
	paged := slices.ContainsFunc(open, func(key string) bool { return !isTest(key) })
	for key, is := range n.stands() {
		switch was := before[key]; {
		case was != is && !(isTest(key) && paged && is == string(enginedb.DrillStopped)):
			n.t.Fatalf("with %v open a look made of %s %q what was %q", open, key, is, was)
		case was != is:
			n.stopped++
		case isTest(key) && paged && is == "":
			n.t.Fatalf("%s goes on, and Bob is paged for %v", key, open)
		}
	}
}

// pass takes the night to its end, when every drill must be over.
func (n *night) pass() {
	n.t.Helper()
	n.house.texts()
	n.drillBob()
	for i := range 50 {
		switch n.dice.IntN(9) {
		case 0, 1:
			n.drillBob()
		case 2, 3:
			if n.alerts < 4 { // more of them wait for one another (rule 12)
				n.alertBob()
			}
		case 4:
			n.look()
		default:
			n.answer(i)
		}
	}
	n.MoveClock(31 * time.Minute)
	for _, d := range n.drills() {
		if d = n.over(d.Key); d.Result == enginedb.DrillOn {
			n.t.Errorf("%s is over, and showed nothing: %+v", d.Key, d)
		}
	}
	for key, is := range n.stands() {
		if !isTest(key) && n.incident(engine.Key(key)).Status == engine.Resolved {
			n.t.Errorf("%s, of %q, was resolved by something", key, is)
		}
	}
}

// Rules 5, 12 and 19, in the database: in whatever order somebody is drilled, paged and answers, an answer to a drill is
// none to an incident, nor the other way round; whoever is drilled is paged as ever; nobody has two drills; and each ends.
func TestDrillsBesideIncidentsInAnyOrder(t *testing.T) {
	t.Parallel()
	const seeds = 3
	nights := make([]*night, seeds)
	t.Run("nights", func(t *testing.T) {
		for seed := range nights {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				nights[seed] = &night{house: newHouse(t), dice: rand.New(rand.NewPCG(uint64(seed), 19))}
				nights[seed].pass()
			})
		}
	})
	var all night
	for _, n := range nights {
		if n != nil {
			all.drilled, all.taken, all.asked, all.stopped = all.drilled+n.drilled, all.taken+n.taken, all.asked+n.asked, all.stopped+n.stopped
		}
	}
	if all.drilled < 3 || all.taken < 3 || all.asked < 3 {
		t.Errorf("%d answers to drills, %d to incidents, %d to nothing: this proves nothing", all.drilled, all.taken, all.asked)
	}
	t.Logf("%d answers to drills, %d to incidents, %d to nothing, %d drills stopped", all.drilled, all.taken, all.asked, all.stopped)
}
