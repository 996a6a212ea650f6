package pager_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

func TestANoticeIsToldOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	db := enginedb.New(h.db)
	notice := enginedb.Notice{Person: "ann", Kind: "swap proposed", About: "7", Text: "Bob offers you a shift.", Until: time.Now().Add(time.Hour)}
	over := enginedb.Notice{Person: "ann", Kind: "swap proposed", About: "8", Text: "Too late.", Until: time.Now().Add(-time.Second)}
	nobody := enginedb.Notice{Person: "nobody", Kind: "swap proposed", About: "9", Text: "Hello?", Until: time.Now().Add(time.Hour)}
	for range 2 {
		if err := db.AddNotices(t.Context(), []enginedb.Notice{notice, over, nobody}); err != nil {
			t.Fatal(err)
		}
		if err := h.TellNow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	m := h.phones.expect(t, "ann", 1)
	if m.Purpose != notifiers.Notice || m.Text != notice.Text || m.Channel != notifiers.Push {
		t.Errorf("got %+v", m)
	}
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("Ann was told %d times", n)
	}
}

// A provider that refuses is tried again later, at the person's next contact; none of them rings.
func TestANoticeThatIsRefusedGoesToTheNextContact(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.phones.refuse["ann"] = &notifiers.Failure{Kind: notifiers.Final, Provider: "phones", Detail: "no such topic"}
	if err := enginedb.New(h.db).AddNotices(t.Context(), []enginedb.Notice{{Person: "ann", Kind: "k", About: "1", Text: "Hello.", Until: time.Now().Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	if err := h.TellNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rests := ask[bool](h, `select lease_until > clock_timestamp() + interval '50 seconds' and told_at is null and detail <> '' from notice`); !rests {
		t.Error("a notice that was refused does not rest")
	}
	for range 3 { // the third time the second contact's turn comes again, and no call's
		h.exec(`update notice set lease_until = '-infinity'`)
		if err := h.TellNow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if m := h.phones.expect(t, annsNumber, 1); m.Channel != notifiers.SMS || len(h.phones.sentTo(annsNumber)) != 1 {
		t.Errorf("got %+v, want one text", m)
	}
}

// How to answer by text stands in texts only, and in front, where nothing cuts it off.
func TestANoticeIsAnsweredByText(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	db := enginedb.New(h.db)
	n := enginedb.Notice{Kind: "swap proposed", About: "7", Text: "李小龙 offers you a shift.", Reply: "Reply 4829137 to accept.", Until: time.Now().Add(time.Hour)}
	people := []rosters.PersonID{"ann", "bob"}
	for _, who := range people {
		n.Person = who
		if err := db.AddNotices(t.Context(), []enginedb.Notice{n}); err != nil {
			t.Fatal(err)
		}
	}
	asked := func() bool {
		t.Helper()
		asked, err := db.AskedLast(t.Context(), people[1:], bobsNumber)
		if err != nil {
			t.Fatal(err)
		}
		return asked
	}
	if asked() {
		t.Error("Bob was asked, before he was told")
	}
	h.exec(`update notice set tries = 1 where person = 'bob'`)
	if !asked() {
		t.Error("Bob, who is being told and may have the text, was not asked")
	}
	h.exec(`update notice set detail = 'sms: refused' where person = 'bob'`)
	if asked() {
		t.Error("Bob was asked, though his provider refused it, and it rests")
	}
	h.exec(`update notice set tries = 2, detail = '' where person = 'bob'`)
	bobs := h.text(`select id::text from notice where person = 'bob'`)
	id, err := strconv.ParseInt(bobs, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.PutOffNotice(t.Context(), id, enginedb.Lease{}); err != nil {
		t.Fatal(err)
	}
	if asked() {
		t.Error("Bob was asked, though the second try, too, was put off before anything was sent")
	}
	h.exec(`update notice set tries = 0, detail = '' where person = 'bob'`)
	if err := h.TellNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if push, text := h.phones.expect(t, "ann", 1).Text, h.phones.expect(t, bobsNumber, 1).Text; push != n.Text || text != n.Reply+" "+n.Text {
		t.Errorf("pushed is %q, texted %q", push, text)
	}
	if !asked() {
		t.Error("Bob, whose last text asks, was not asked")
	}
	if asked, err := db.AskedLast(t.Context(), people[:1], annsNumber); err != nil || asked {
		t.Errorf("Ann, who has a push, was asked by text: %v", err)
	}
	h.exec(`update person set zone = 'UTC'`)
	h.texts()
	h.alert("db-1")
	if _, err := h.PageIn(t.Context(), "HOT-1", pager.PageIn{Target: engine.Target{Person: "bob"}}); err != nil {
		t.Fatal(err)
	}
	h.phones.expect(t, bobsNumber, 2)
	h.until("the page's text is the last", func() bool { return !asked() })
}

// Ordinary words wake nobody: what is of use in the morning is told then.
func TestANoticeWaitsForTheDay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	now := time.Now()
	if err := enginedb.New(h.db).AddNotices(t.Context(), []enginedb.Notice{{Person: "ann", Kind: "k", About: "1", Text: "Hello.", Due: now.Add(8 * time.Hour), Until: now.Add(12 * time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	for _, told := range []int{0, 1} {
		if err := h.TellNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(h.phones.sentTo("ann")); n != told {
			t.Fatalf("Ann was told %d times, want %d", n, told)
		}
		h.MoveClock(9 * time.Hour)
	}
}

// A node dies between the provider's answer and its note of it: the next tells it again, once the lease is
// over and no earlier, and a person is told twice rather than never.
func TestANoticeOfADeadNodeIsToldByAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	dead, gone := make(chan struct{}), make(chan struct{})
	node := h.node("dies", func(c *pager.Config) {
		c.Reached = func(p pager.Point) {
			if p == pager.NoticeSent {
				close(dead)
				<-gone
			}
		}
	})
	if err := enginedb.New(h.db).AddNotices(t.Context(), []enginedb.Notice{{Person: "ann", Kind: "k", About: "1", Text: "Hello.", Until: time.Now().Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- node.TellNow(context.Background()) }()
	await(h, "a provider that was called", dead)
	for _, told := range []int{1, 2, 2} {
		if err := h.TellNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(h.phones.sentTo("ann")) + len(h.phones.sentTo(annsNumber)); n != told {
			t.Fatalf("Ann was told %d times, want %d", n, told)
		}
		h.exec(`update notice set lease_until = '-infinity'`)
	}
	close(gone)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// Owners of the service and whoever is on call at the catch-all are told of a hole, seven days and one day
// ahead, once each.
func TestAHoleIsToldOfAhead(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	who := rosterdb.New(h.db)
	if err := who.CreateTeam(t.Context(), rosters.Team{ID: "git", Members: []rosters.Member{{Person: "bob", Role: rosters.Owner}, {Person: "carl", Role: rosters.TeamMember}}}); err != nil {
		t.Fatal(err)
	}
	if err := who.SetOwner(t.Context(), rosterdb.OwnedService, "bitbucket", "git"); err != nil {
		t.Fatal(err)
	}
	watch := func() {
		t.Helper()
		if err := h.WatchNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := ask[int](h, `select count(*) from notice where told_at is null and lease_until > '-infinity' and
				extract(hour from lease_until at time zone 'UTC') not between 8 and 19`); n != 0 {
			t.Errorf("%d notices are to be told at night", n)
		}
		h.exec(`update notice set lease_until = '-infinity' where told_at is null`) // it is day
		if err := h.TellNow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	watch()
	if n := ask[int](h, `select count(*) from notice`); n != 0 {
		t.Fatalf("everybody can be reached, and %d notices were made", n)
	}
	now, err := who.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	from := now.Add(3 * 24 * time.Hour).Truncate(time.Second)
	if _, err := who.CreateOverride(t.Context(), "bitbucket-im", rosters.Override{Kind: rosters.TakeOff, From: from, To: from.Add(2 * time.Hour)}, ""); err != nil {
		t.Fatal(err)
	}
	watch()
	watch()
	for _, to := range []string{"dora", bobsNumber} {
		m := h.phones.expect(t, to, 1)
		if !strings.Contains(m.Text, ", bitbucket, ") || !strings.Contains(m.Text, "nobody is on call in roster bitbucket-im") {
			t.Errorf("%s was told %q", to, m.Text)
		}
		if n := len(h.phones.sentTo(to)); n != 1 {
			t.Errorf("%s was told %d times", to, n)
		}
	}
	h.MoveClock(2*24*time.Hour + time.Hour)
	watch()
	if h.phones.expect(t, "dora", 2); len(h.phones.sentTo("dora")) != 2 {
		t.Error("a day ahead nobody was told again")
	}
	if n := ask[int](h, `select count(*) from incident`); n != 0 {
		t.Errorf("%d incidents were made of it", n)
	}
}
