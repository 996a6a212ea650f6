package shifts_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/api/shifts"
	"rouse/migrations/dbtest"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// house is a roster, web, in which ann and bob take turns every day at 09:00 in Berlin; carla looks after it
// with them, zoe does not.
type house struct {
	t     *testing.T
	db    *pgxpool.Pool
	desk  *shifts.Desk
	moved time.Duration
}

const (
	ann, bob, carla, zoe = "+4915100000001", "+4915100000002", "+4915100000003", "+4915100000004"
	both                 = "+4915100000005" // zoe's and yan's
)

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: dbtest.New(t)}
	h.desk = shifts.New(shifts.Config{DB: h.db, Channels: func() map[rosters.Channel]bool { return map[rosters.Channel]bool{rosters.SMS: true} }, Offset: func() time.Duration { return h.moved }})
	store := rosterdb.New(h.db)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	person := func(id, name, language string, numbers ...string) {
		p := rosters.Person{ID: rosters.PersonID(id), Name: name, Zone: "Europe/Berlin", Language: language}
		for _, n := range numbers {
			p.Contacts = append(p.Contacts, rosters.Contact{Channel: rosters.SMS, Address: n})
		}
		must(store.CreatePerson(t.Context(), p))
	}
	person("ann", "Ann Arbor", "en", ann)
	person("bob", "Bob Báb", "de", bob)
	person("carla", "Carla", "en", carla)
	person("zoe", "Zoë", "en", zoe, both)
	person("yan", "Yan", "en", both)
	must(store.CreateRoster(t.Context(), rosters.Roster{ID: "web", Name: "Web", Rotations: []rosters.Rotation{{ID: "daily", Zone: "Europe/Berlin",
		Start: "2026-01-05T09:00:00", Rule: "FREQ=DAILY", Participants: []rosters.PersonID{"ann", "bob"}}}}, ""))
	must(store.CreateTeam(t.Context(), rosters.Team{ID: "web", Name: "Web", Members: []rosters.Member{{Person: "carla", Role: rosters.TeamMember}, {Person: "yan", Role: rosters.Viewer}}}))
	must(store.SetOwner(t.Context(), rosterdb.OwnedRoster, "web", "web"))
	return h
}

func (h *house) now() time.Time { return time.Now().Add(h.moved) }

// ask texts and returns the reply.
func (h *house) ask(number, text string) string {
	h.t.Helper()
	reply, err := h.desk.Ask(h.t.Context(), number, text)
	if err != nil {
		h.t.Fatalf("%q: %v", text, err)
	}
	return reply
}

var sevenDigits = regexp.MustCompile(`\b[0-9]{7}\b`)

// code is the one in a text.
func (h *house) code(text string) string {
	h.t.Helper()
	code := sevenDigits.FindString(text)
	if code == "" {
		h.t.Fatalf("%q has no code", text)
	}
	return code
}

func (h *house) answer(number, code string, no bool) string {
	h.t.Helper()
	reply, err := h.desk.Answer(h.t.Context(), number, code, no)
	if err != nil {
		h.t.Fatal(err)
	}
	return reply
}

func (h *house) onCall(at time.Time) string {
	h.t.Helper()
	r, err := rosterdb.New(h.db).RosterDuring(h.t.Context(), "web", at, at.Add(time.Second))
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Trim(fmt.Sprint(r.OnCall(at)), "[]")
}

// told is what somebody is to be told last.
func (h *house) told(who string) (text, reply string) {
	h.t.Helper()
	if err := h.db.QueryRow(h.t.Context(), `select text, reply from notice where person = $1 order by id desc limit 1`, who).Scan(&text, &reply); err != nil {
		h.t.Fatalf("what %s is told: %v", who, err)
	}
	return text, reply
}

// shiftsOf are the next whole shifts of somebody, and the day on which each begins.
func (h *house) shiftsOf(who rosters.PersonID) (spans []rosters.Span, days []string) {
	h.t.Helper()
	r, err := rosterdb.New(h.db).RosterDuring(h.t.Context(), "web", h.now(), h.now().AddDate(0, 0, 10))
	if err != nil {
		h.t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range r.Shifts(h.now().AddDate(0, 0, 1), h.now().AddDate(0, 0, 10))[1:] {
		if s.Person == who {
			spans, days = append(spans, rosters.Span{From: s.From, To: s.To}), append(days, s.From.In(zone).Format(time.DateOnly))
		}
	}
	return spans, days
}

func TestSomebodyTakesOverByText(t *testing.T) {
	h := newHouse(t)
	asked := h.ask(carla, "take web for 2h")
	if !strings.HasPrefix(asked, "Take web, ") || !strings.Contains(asked, ", from ") {
		t.Errorf("Carla is asked %q", asked)
	}
	before := h.onCall(h.now())
	if before == "carla" {
		t.Fatal("the question alone puts her on call")
	}
	code := h.code(asked)
	if _, err := h.desk.Answer(t.Context(), bob, code, false); !errors.Is(err, shifts.ErrUnknown) {
		t.Errorf("Bob's phone with Carla's code: %v", err)
	}
	if said := h.answer(carla, code, false); !strings.HasPrefix(said, "Done. You are on call in web until ") {
		t.Errorf("Carla is told %q", said)
	}
	if got := h.onCall(h.now().Add(time.Minute)); got != "carla" {
		t.Errorf("on call is %s", got)
	}
	if text, _ := h.told(before); !strings.Contains(text, "off call in roster web") || !strings.HasSuffix(text, "That was Carla.") {
		t.Errorf("%s is told %q", before, text)
	}
	if said := h.answer(carla, code, false); said != "That was done already." {
		t.Errorf("the same code again: %q", said)
	}
	if said := h.ask(carla, "take web for 1h"); !strings.Contains(said, "already") {
		t.Errorf("Carla, who is on call, is asked %q", said)
	}
}

func TestAWishIsGivenUpOrForgotten(t *testing.T) {
	h := newHouse(t)
	code := h.code(h.ask(carla, "take web until tomorrow 23:59"))
	if pending, err := h.desk.Pending(t.Context(), carla); err != nil || !pending {
		t.Errorf("Carla is waited for: %v, %v", pending, err)
	}
	if said := h.answer(carla, code, true); said != "Nothing is changed." {
		t.Errorf("got %q", said)
	}
	if pending, err := h.desk.Pending(t.Context(), carla); err != nil || pending {
		t.Errorf("Carla is still waited for: %v, %v", pending, err)
	}
	code = h.code(h.ask(carla, "take web until tomorrow 23:59"))
	h.moved = 16 * time.Minute
	if _, err := h.desk.Answer(t.Context(), carla, code, false); !errors.Is(err, shifts.ErrUnknown) {
		t.Errorf("a code of a quarter of an hour ago: %v", err)
	}
	if got := h.onCall(h.now()); got == "carla" {
		t.Error("she is on call nevertheless")
	}
}

func TestTwoPeopleSwapByText(t *testing.T) {
	h := newHouse(t)
	anns, annsDays := h.shiftsOf("ann")
	bobs, bobsDays := h.shiftsOf("bob")
	asked := h.ask(ann, "swap web "+annsDays[0]+" with bob "+bobsDays[1])
	if !strings.HasPrefix(asked, "Offer Bob Báb your shift ") {
		t.Errorf("Ann is asked %q", asked)
	}
	if said := h.answer(ann, h.code(asked), false); said != "Done. Bob Báb is asked, and you will be told." {
		t.Errorf("Ann is told %q", said)
	}
	text, reply := h.told("bob")
	if !strings.HasPrefix(text, "Ann Arbor offers you the shift ") || !strings.Contains(reply, "um anzunehmen") {
		t.Errorf("Bob is told %q %q", text, reply)
	}
	if pending, err := h.desk.Pending(t.Context(), bob); err != nil || pending {
		t.Errorf("an offer keeps Bob's bare words from pages: %v, %v", pending, err)
	}
	if _, err := h.desk.Answer(t.Context(), ann, h.code(reply), false); !errors.Is(err, shifts.ErrUnknown) {
		t.Errorf("Ann answers for Bob: %v", err)
	}
	if said := h.answer(bob, h.code(reply), false); said != "Angenommen. Die Schichten sind getauscht." {
		t.Errorf("Bob is told %q", said)
	}
	if got := h.onCall(anns[0].From) + ", " + h.onCall(bobs[1].From); got != "bob, ann" {
		t.Errorf("on call in Ann's shift and in Bob's: %s", got)
	}
	if text, _ := h.told("ann"); !strings.HasSuffix(text, "was accepted.") {
		t.Errorf("Ann is told %q", text)
	}
}

func TestASwapIsDeclinedByText(t *testing.T) {
	h := newHouse(t)
	anns, days := h.shiftsOf("ann")
	h.answer(ann, h.code(h.ask(ann, "swap web "+days[0]+" with carla")), false)
	_, reply := h.told("carla")
	if said := h.answer(carla, h.code(reply), true); said != "Declined." {
		t.Errorf("Carla is told %q", said)
	}
	if got := h.onCall(anns[0].From); got != "ann" {
		t.Errorf("on call is %s", got)
	}
	if said := h.answer(carla, h.code(reply), false); said != "That was done already." {
		t.Errorf("Carla, who thinks better of it, is told %q", said)
	}
}

// An offer was good and is not any more: somebody else has the shift by now.
func TestAnAnswerThatComesTooLateSaysSo(t *testing.T) {
	h := newHouse(t)
	anns, days := h.shiftsOf("ann")
	h.answer(ann, h.code(h.ask(ann, "swap web "+days[0]+" with bob")), false)
	_, reply := h.told("bob")
	if _, err := rosterdb.New(h.db).CreateOverride(t.Context(), "web", rosters.Override{Person: "zoe", From: anns[0].From, To: anns[0].To}, ""); err != nil {
		t.Fatal(err)
	}
	if said := h.answer(bob, h.code(reply), false); !strings.Contains(said, "cannot be done any more") {
		t.Errorf("Bob is told %q", said)
	}
	if got := h.onCall(anns[0].From); got != "zoe" {
		t.Errorf("on call is %s", got)
	}
}

// What was asked about is otherwise by now, or whoever asked may not any more: the code does nothing.
func TestACodeDoesWhatWasAskedAndNothingElse(t *testing.T) {
	h := newHouse(t)
	store := rosterdb.New(h.db)
	code := h.code(h.ask(carla, "take web for 2h"))
	if _, err := store.CreateOverride(t.Context(), "web", rosters.Override{Person: "zoe", From: h.now(), To: h.now().Add(time.Hour)}, ""); err != nil {
		t.Fatal(err)
	}
	if said := h.answer(carla, code, false); !strings.Contains(said, "Others are on call then by now") {
		t.Errorf("Carla, who asked before Zoe was on call, is told %q", said)
	}
	code = h.code(h.ask(carla, "take web for 2h"))
	team, err := store.Team(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	team.Members = nil
	if err := store.UpdateTeam(t.Context(), team.Team, team.Version); err != nil {
		t.Fatal(err)
	}
	if said := h.answer(carla, code, false); !strings.Contains(said, "neither yours nor your team's") {
		t.Errorf("Carla, who left the team, is told %q", said)
	}
	if got := h.onCall(h.now()); got != "zoe" {
		t.Errorf("on call is %s", got)
	}
}

// Whoever asks anew gives up what was asked before: a message that comes twice makes nothing twice.
func TestOneWishAtATime(t *testing.T) {
	h := newHouse(t)
	first := h.code(h.ask(carla, "take web for 2h"))
	second := h.code(h.ask(carla, "take web for 2h"))
	if _, err := h.desk.Answer(t.Context(), carla, first, false); !errors.Is(err, shifts.ErrUnknown) {
		t.Errorf("the first code: %v", err)
	}
	h.answer(carla, second, false)
}

// Nobody is put on call whom no page would reach.
func TestWhoCannotBePagedTakesNothing(t *testing.T) {
	h := newHouse(t)
	if _, err := h.db.Exec(t.Context(), `update contact set disabled = true where person = 'carla'`); err != nil {
		t.Fatal(err)
	}
	_, days := h.shiftsOf("ann")
	for number, text := range map[string]string{carla: "take web for 2h", ann: "swap web " + days[0] + " with carla"} {
		if said := h.ask(number, text); said != "Carla has no contact on which Rouse can page, and would not be reached." {
			t.Errorf("%q is answered %q", text, said)
		}
	}
}

// A bare word after an offer may be meant for that.
func TestABareWordAfterAnOfferIsUnclear(t *testing.T) {
	h := newHouse(t)
	_, days := h.shiftsOf("ann")
	h.answer(ann, h.code(h.ask(ann, "swap web "+days[0]+" with bob")), false)
	is := func(want bool, when string) {
		t.Helper()
		if pending, err := h.desk.Pending(t.Context(), bob); err != nil || pending != want {
			t.Errorf("%s a bare word of Bob's is unclear: %v, %v", when, pending, err)
		}
	}
	is(false, "before it was texted to him")
	if _, err := h.db.Exec(t.Context(), `update notice set told_at = clock_timestamp(), detail = 'sms'`); err != nil {
		t.Fatal(err)
	}
	is(true, "when it was texted to him")
}

func TestTextsThatCannotBeDoneSayWhy(t *testing.T) {
	h := newHouse(t)
	_, annsDays := h.shiftsOf("ann")
	_, bobsDays := h.shiftsOf("bob")
	for _, test := range []struct{ from, text, says string }{
		{carla, "take", "text for example: take web until 18:00"},
		{carla, "take web until friday", "text for example: take web until 18:00"},
		{ann, "swap web", "text for example: swap web fri with bob sun"},
		{bob, "tausche web", "schreiben Sie zum Beispiel: swap web fr mit bob so"},
		{carla, "take web until 9999-12-31 18:00", "ends within a year"},
		{carla, "take web for 1s", "a minute at least"},
		{carla, "take https://evil.example/login for 2h", "take web until 18:00"},
		{carla, "take it", "A page is answered with its code"},
		{carla, "take wbe for 2h", "There is no roster wbe."},
		{zoe, "take web for 2h", "neither yours nor your team's"},
		{both, "take web for 2h", "Several people have this number"},
		{carla, "take web until today 00:00", "is over"},
		{ann, "swap web " + bobsDays[0] + " with bob", "Ann Arbor has no shift in web on "},
		{ann, "swap web " + annsDays[0] + " with bob " + annsDays[0], "Bob Báb has no shift in web on "},
		{ann, "swap web " + annsDays[0] + " with dora", "There is nobody of that name in web."},
		{ann, "swap web " + annsDays[0] + " with ann", "is the proposer"},
	} {
		if said := h.ask(test.from, test.text); !strings.Contains(said, test.says) {
			t.Errorf("%q is answered %q, want %q", test.text, said, test.says)
		}
	}
	var wishes, overrides int
	if err := h.db.QueryRow(t.Context(), `select (select count(*) from wish), (select count(*) from override)`).Scan(&wishes, &overrides); err != nil || wishes+overrides > 0 {
		t.Errorf("%d wishes and %d overrides came of it, %v", wishes, overrides, err)
	}
	for number, text := range map[string]string{"+4915199999999": "take web for 2h", ann: "hello"} {
		if _, err := h.desk.Ask(context.Background(), number, text); !errors.Is(err, shifts.ErrUnknown) {
			t.Errorf("%q from %s: %v", text, number, err)
		}
	}
}
