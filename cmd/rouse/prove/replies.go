package prove

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers/twilio/twiliosim"
	"rouse/rosters"
)

// proveReplies tells many stories at the same time, each with a phone of its own: incidents are paged, answered by
// others, paged again, resolved, and meanwhile the person's replies come in, some late, some twice.
func proveReplies(ctx context.Context, t *trial) (Result, error) {
	p := &repliesProof{t: t, stories: t.size(300, 10_000), inbox: map[string]chan sent{}, did: map[form]int{},
		http: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: storiesAtOnce, IdleConnTimeout: 5 * time.Second}}}
	r, err := t.newRig(ctx, layout{nodes: 3, world: p.world(), transit: 20 * time.Millisecond})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	p.r = r
	r.phones.react(func(_ person, s sent) reaction {
		if inbox := p.inbox[s.address]; inbox != nil && s.channel == rosters.SMS {
			select {
			case inbox <- s:
			default: // nobody reads so many
			}
		}
		return reaction{}
	})
	if p.key, _, err = enginedb.New(r.db).CreateKey(ctx, enginedb.Key{Name: "colleagues", Scopes: []enginedb.Scope{enginedb.ScopeRespond}}); err != nil {
		return Result{}, err
	}
	p.tell(ctx)
	return p.judged(ctx)
}

// repliesProof is one run.
type repliesProof struct {
	t       *trial
	r       *rig
	stories int
	key     string               // with which colleagues answer
	inbox   map[string]chan sent // by number: what was texted there
	http    *http.Client

	mu    sync.Mutex
	words []word
	did   map[form]int
}

const (
	storiesAtOnce = 60
	colleagues    = 100
)

func storysPerson(i int) rosters.PersonID { return rosters.PersonID(fmt.Sprintf("person-%d", i)) }
func colleague(i int) rosters.PersonID {
	return rosters.PersonID(fmt.Sprintf("colleague-%d", i%colleagues))
}

// world has a person with a phone for each story, and colleagues who are paged with them.
func (p *repliesProof) world() *world {
	const long = 30 * time.Minute // nothing is due by itself
	w := newWorld(long)
	w.addTeam(p.t.rand, team{id: "imoc", plans: []plan{pushed}, habit: manager}, 0)
	for i := range min(colleagues, p.stories) {
		w.addReached(colleague(i), habit{}, long, rosters.Push)
	}
	for i := range p.stories {
		id := storysPerson(i)
		w.addReached(id, habit{}, long, rosters.SMS)
		who := w.people[id]
		who.mute = true // receipts are another proof's
		w.people[id] = who
		p.inbox[who.Contacts[0].Address] = make(chan sent, 32)
		w.addService(engine.ServiceID(id), engine.Level{Targets: []engine.Target{{Person: id}, {Person: colleague(i)}}, Wait: long})
	}
	return w
}

// tell has all stories happen.
func (p *repliesProof) tell(ctx context.Context) {
	var next, done atomic.Int64
	var tellers sync.WaitGroup
	over := make(chan struct{})
	for range storiesAtOnce {
		tellers.Go(func() {
			for i := int(next.Add(1)) - 1; i < p.stories && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				newTale(p, i).tell(ctx)
				done.Add(1)
			}
		})
	}
	go func() {
		tellers.Wait()
		close(over)
	}()
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
			p.t.say("%d of %d stories are told", done.Load(), p.stories)
		}
	}
}

// form is how a reply names what it answers.
type form string

// The forms. Of those by others nobody has a text.
const (
	byCode     form = "its code"
	byKey      form = "its key"
	bare       form = "a bare word"
	byAll      form = "all"
	byStranger form = "its code, from another phone"
	byOther    form = "a colleague over REST"
)

// word is one answer as it came to Rouse: what it may acknowledge, and what it has to.
type word struct {
	person   rosters.PersonID // in whose name; "": in nobody's
	form     form
	text     string
	nonce    string   // of the text whose code it quotes
	keys     []string // of the incidents that it may be about, where it quotes no code
	wants    []string // nonces of the texts that it has to answer
	late     bool     // other things happened between its being written and its coming
	again    bool     // it had come before
	from, to time.Time
}

// said writes down an answer that Rouse has taken in.
func (p *repliesProof) said(w word) {
	w.to = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.words = append(p.words, w)
	p.did[w.form]++
}

// judged holds what was acknowledged against what was said.
func (p *repliesProof) judged(ctx context.Context) (Result, error) {
	if err := p.r.failed(); err != nil {
		return Result{}, err
	}
	incidents, err := readIncidents(context.WithoutCancel(ctx), p.r.db)
	if err != nil {
		return Result{}, err
	}
	book := p.r.ledger.read()
	book.accepted = slices.DeleteFunc(book.accepted, func(a accepted) bool { // the end of what an earlier try had ended
		return a.action == engine.Resolve && a.key == "" && a.tries > 1
	})
	c := newComparison(record{book: book, world: p.r.world, incidents: incidents, until: time.Now()}, limits{})
	c.index()
	c.alerts()
	counted, byText := p.judge(c)
	c.result.N, c.result.Unit = p.stories, "stories"
	for _, what := range c.order {
		c.result.Breaches = append(c.result.Breaches, *c.breach[what])
	}
	r := c.result
	r.Answers = counted
	late, again, wants := 0, 0, 0
	for _, w := range p.words {
		wants += len(w.wants)
		if w.late {
			late++
		}
		if w.again {
			again++
		}
	}
	r.note("%d replies of which %d came late and %d a second time, about %d incidents: %d by code, %d by key, %d bare words, %d for all, %d from another phone",
		len(p.words)-p.did[byOther], late, again, len(incidents), p.did[byCode], p.did[byKey], p.did[bare], p.did[byAll], p.did[byStranger])
	r.note("%d acknowledgements, %d of them by text; %d open pages that a reply named were answered by it; %d answers of colleagues came between", counted, byText, wants, p.did[byOther])
	return r, nil
}

// account signs what this proof posts in the provider's name.
func (p *repliesProof) account() *twiliosim.Sim { return p.r.phones.line }
