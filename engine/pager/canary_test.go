package pager_test

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
)

const robot = "+491700000099"

// withRobot is a node of a Rouse whose provider "phones" has a robot's number.
func (h *house) withRobot(name string, changes ...func(*pager.Config)) *pager.Pager {
	return h.node(name, append(changes, func(c *pager.Config) {
		c.Canaries = func() []pager.Canary {
			return []pager.Canary{{Provider: "phones", Channel: notifiers.SMS, To: robot, Notifier: h.phones}}
		}
	})...)
}

// canary is how the robot's does.
func (h *house) canary() enginedb.Canary {
	h.t.Helper()
	all, err := enginedb.New(h.db).Canaries(h.t.Context())
	if err != nil || len(all) != 1 {
		h.t.Fatalf("canaries %+v, %v; want one", all, err)
	}
	return all[0]
}

// nextCanary is a round in which the next is due.
func (h *house) nextCanary(p *pager.Pager) {
	h.t.Helper()
	h.exec(`update canary set due_at = '-infinity'`)
	if err := p.SendCanariesNow(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// notices are what Dora, who is the IMOC, is to be told.
func (h *house) notices(kind string) []string {
	h.t.Helper()
	rows, err := h.db.Query(h.t.Context(), `select person || ': ' || text from notice where kind = $1 order by id`, kind)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			h.t.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}

func TestACanaryComesBackAndProvesThatItsProviderDelivers(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	sends, hears := h.withRobot("node-a"), h.withRobot("node-b")
	h.nextCanary(sends)
	m := h.phones.expect(t, robot, 1)
	if m.Purpose != notifiers.Notice || !m.Tracked || notifiers.CanaryNonce(m.Text) != m.Nonce || m.Channel != notifiers.SMS {
		t.Errorf("the robot got %+v", m)
	}
	if err := sends.SendCanariesNow(t.Context()); err != nil || len(h.phones.sentTo(robot)) != 1 {
		t.Errorf("%d were sent before the next was due, %v", len(h.phones.sentTo(robot)), err)
	}
	for range 2 { // the text comes in twice, at another node
		if err := hears.CanaryCame(t.Context(), m.Nonce); err != nil {
			t.Fatal(err)
		}
	}
	c := h.canary()
	if c.CameAt.IsZero() || c.Took <= 0 || c.Took > time.Hour || c.Misses != 0 || !c.DownSince.IsZero() {
		t.Errorf("the canary is %+v", c)
	}
	for _, nonce := range []string{"", "nonesuch", rand.Text()} {
		if err := hears.CanaryCame(t.Context(), nonce); err == nil {
			t.Errorf("%q came back, and was never sent", nonce)
		}
	}
	if n := h.notices("canary"); n != nil {
		t.Errorf("told were %q", n)
	}
	if n := ask[int](h, `select count(*)::int from attempt`); n != 0 {
		t.Errorf("the canary is %d attempts", n)
	}
}

func TestTwoCanariesThatStayAwayPutTheProviderDownUntilOneComesBack(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	p := h.withRobot("node-a")
	h.nextCanary(p)
	first := h.phones.expect(t, robot, 1)
	if err := p.CanaryTold(t.Context(), first.Nonce, notifiers.Receipt{State: notifiers.Failed, Detail: "filtered by the carrier of +491700000099"}); err != nil {
		t.Fatal(err)
	}
	h.nextCanary(p)
	if c := h.canary(); c.Misses != 1 || !c.DownSince.IsZero() {
		t.Errorf("after one: %+v", c)
	}
	for range 3 {
		h.nextCanary(p)
	}
	c := h.canary()
	if c.Misses != 4 || c.DownSince.IsZero() || c.Detail == "" || strings.Contains(c.Detail, robot) {
		t.Errorf("after four: %+v", c)
	}
	told := h.notices("canary")
	if len(told) != 1 || !strings.HasPrefix(told[0], "dora: Provider phones does not deliver on sms: 2 test messages") || strings.Contains(told[0], robot) {
		t.Fatalf("told were %q", told)
	}

	if err := p.CanaryCame(t.Context(), first.Nonce); err == nil {
		t.Error("one of long ago came back, and counts")
	}
	last := h.phones.sentTo(robot)
	if err := p.CanaryTold(t.Context(), last[len(last)-1].Nonce, notifiers.Receipt{State: notifiers.Sent}); err != nil {
		t.Fatal(err)
	}
	if h.canary().DownSince.IsZero() {
		t.Error("that the provider took one makes it well")
	}
	for range 2 {
		if err := p.CanaryTold(t.Context(), last[len(last)-1].Nonce, notifiers.Receipt{State: notifiers.Delivered}); err != nil {
			t.Fatal(err)
		}
	}
	if c := h.canary(); !c.DownSince.IsZero() || c.Misses != 0 || c.Detail != "" {
		t.Errorf("after one came back: %+v", c)
	}
	if told := h.notices("canary"); len(told) != 2 || !strings.Contains(told[1], "delivers on sms again") {
		t.Errorf("told were %q", told)
	}
	if err := p.TellNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.phones.expect(t, "dora", 2)
}

// A provider that refuses is a canary that stays away; why is kept.
func TestACanaryThatIsRefusedIsAMiss(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	p := h.withRobot("node-a")
	h.phones.refuse[robot] = &notifiers.Failure{Kind: notifiers.Passing, Provider: "phones", Detail: "too many requests"}
	for range 3 {
		h.nextCanary(p)
	}
	if told := h.notices("canary"); len(told) != 1 || !strings.Contains(told[0], "(too many requests)") {
		t.Errorf("told were %q", told)
	}
}

// A node that dies with a canary in its hands costs one miss, and another sends the next. When all were away there was
// nobody to hear, so nothing is missed.
func TestANodeThatDiesCostsOneCanary(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	db := enginedb.New(h.db)
	wanted := []enginedb.WantedCanary{{CanaryRef: enginedb.CanaryRef{Provider: "phones", Channel: "sms"}, Nonce: rand.Text()}}
	if due, err := db.ClaimCanaries(t.Context(), wanted, time.Minute, 0); err != nil || len(due) != 1 { // and dies
		t.Fatalf("claimed %+v, %v", due, err)
	}
	p := h.withRobot("node-b")
	if err := p.SendCanariesNow(t.Context()); err != nil || len(h.phones.sentTo(robot)) != 0 {
		t.Errorf("sent before it was due: %v", err)
	}
	p.MoveClock(time.Minute)
	if err := p.SendCanariesNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := h.phones.expect(t, robot, 1)
	if c := h.canary(); c.Misses != 1 || !c.DownSince.IsZero() {
		t.Errorf("after a node died: %+v", c)
	}
	if err := p.CanaryCame(t.Context(), m.Nonce); err != nil {
		t.Fatal(err)
	}
	for range 3 { // all nodes were away each time
		p.MoveClock(time.Hour)
		if err := p.SendCanariesNow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if c := h.canary(); c.Misses != 0 || !c.DownSince.IsZero() || len(h.phones.sentTo(robot)) != 4 {
		t.Errorf("after a stop: %+v, %d sent", c, len(h.phones.sentTo(robot)))
	}
}

func TestOneOfManyNodesSendsACanary(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	var nodes []*pager.Pager
	for _, name := range []string{"node-a", "node-b", "node-c"} {
		nodes = append(nodes, h.withRobot(name))
	}
	var sending sync.WaitGroup
	for range 4 {
		for _, p := range nodes {
			sending.Go(func() {
				if err := p.SendCanariesNow(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	sending.Wait()
	if n := len(h.phones.sentTo(robot)); n != 1 {
		t.Errorf("%d were sent", n)
	}
}

// topic is a provider whose messages can be read where they were sent to.
type topic struct {
	*phones
	asked int
}

func (r *topic) Arrived(_ context.Context, m notifiers.Message) (bool, error) {
	if r.asked++; r.asked == 1 {
		return false, &notifiers.Failure{Kind: notifiers.Passing, Provider: "topic", Detail: "the server is out of order"}
	}
	return len(r.sentTo(m.To)) > 0, nil
}

func TestACanaryIsReadBackFromItsTopic(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	r := &topic{phones: h.phones}
	p := h.node("node-a", func(c *pager.Config) {
		c.Canaries = func() []pager.Canary {
			return []pager.Canary{{Provider: "ntfy", Channel: notifiers.Push, To: "robot", Notifier: r}}
		}
	})
	if err := p.SendCanariesNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := h.canary(); c.CameAt.IsZero() || r.asked != 2 || c.Detail != "" {
		t.Errorf("asked %d times; the canary is %+v", r.asked, c)
	}
}

// hidden is a topic that takes messages and is asked for them with a step each; it gives the message at the end.
type hidden struct {
	*phones
	steps []func() error
}

func (r *hidden) Arrived(context.Context, notifiers.Message) (bool, error) {
	if len(r.steps) == 0 {
		return true, nil
	}
	step := r.steps[0]
	r.steps = r.steps[1:]
	return false, step()
}

// What is said of a canary is what is known last: that nobody could connect is over once the provider took the next one.
func TestWhatIsSaidOfACanaryIsTheNewestTruth(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	r := &hidden{phones: h.phones}
	p := h.node("node-a", func(c *pager.Config) {
		c.Canaries = func() []pager.Canary {
			return []pager.Canary{{Provider: "ntfy", Channel: notifiers.Push, To: "robot", Notifier: r}}
		}
	})
	is := func(want string) {
		t.Helper()
		if got := h.canary().Detail; !strings.Contains(got, want) {
			t.Errorf("said is %q, want %q", got, want)
		}
	}
	h.phones.refuse["robot"] = &notifiers.Failure{Kind: notifiers.Passing, Provider: "ntfy", Detail: "could not connect"}
	h.nextCanary(p)
	is("could not connect")
	delete(h.phones.refuse, "robot")
	r.steps = []func() error{
		func() error { is("has not come back"); return nil },
		func() error {
			is("it is not where it was sent to")
			return &notifiers.Failure{Kind: notifiers.Final, Provider: "ntfy", Detail: "the access token may not read this topic"}
		},
		func() error {
			is("cannot be read where it was sent to: the access token may not read this topic")
			return nil
		},
		func() error { is("it is not where it was sent to"); return nil },
	}
	h.nextCanary(p)
	if len(r.steps) > 0 {
		t.Errorf("%d steps are left", len(r.steps))
	}
	is("")
	if c := h.canary(); c.Detail != "" || c.CameAt.IsZero() {
		t.Errorf("once it is back: %+v", c)
	}

	t.Log("what was heard of one before its provider has said that it took it stays")
	r.steps = []func() error{func() error { is("filtered"); return nil }}
	release := h.phones.holdUp("robot")
	defer release()
	var sending sync.WaitGroup
	sending.Go(func() { h.nextCanary(p) })
	m := h.phones.expect(t, "robot", 3)
	if err := p.CanaryTold(t.Context(), m.Nonce, notifiers.Receipt{State: notifiers.Failed, Detail: "filtered"}); err != nil {
		t.Error(err)
	}
	release()
	sending.Wait()
}
