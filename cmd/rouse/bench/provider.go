package bench

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"rouse/notifiers/fake"
	"rouse/notifiers/ntfy/ntfysim"
)

// provider is an ntfy server that says when it was called and for whom. It takes 20,000 pushes a second
// on one processor: no storm waits for it.
type provider struct {
	*ntfysim.Sim

	state  fake.State
	pushes []pushed // only ever added to, until forget
}

// pushed is one incident in one call of the provider.
type pushed struct {
	key   string // incident
	topic string
	at    time.Time
}

func startProvider() (p *provider, err error) {
	p = &provider{}
	p.Sim, err = ntfysim.Start(ntfysim.Config{OnEvent: p.note})
	return p, err
}

// note writes down every incident that a push is about.
func (p *provider) note(e ntfysim.Event) {
	if e.Kind != ntfysim.Pushed {
		return
	}
	keys := keysIn(e.Text)
	p.state.Update(func() {
		for _, key := range keys {
			p.pushes = append(p.pushes, pushed{key: key, topic: e.Topic, at: e.At})
		}
	})
}

// written is how messages name incidents: "HOT-12", and "HOT-12–HOT-19" for all from the one to the other.
var written = regexp.MustCompile(`\b([A-Z]{2,10})-([0-9]{1,18})(?:–([A-Z]{2,10})-([0-9]{1,18}))?`)

// keysIn finds the keys that a message names, each once: in a storm one push is about many incidents.
func keysIn(text string) (keys []string) {
	for _, m := range written.FindAllStringSubmatch(text, -1) {
		from, _ := strconv.Atoi(m[2])
		to := from
		if m[3] == m[1] {
			to, _ = strconv.Atoi(m[4])
		}
		for no := from; no <= to; no++ {
			if key := m[1] + "-" + strconv.Itoa(no); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// forget begins anew, without the pushes so far.
func (p *provider) forget() { p.state.Update(func() { p.pushes = nil }) }

// all is every push so far.
func (p *provider) all() []pushed {
	p.state.Lock()
	defer p.state.Unlock()
	return p.pushes
}

// follow shows every push to see, in order, those to come as well, until it has seen enough.
func (p *provider) follow(ctx context.Context, within time.Duration, see func(pushed) (enough bool)) error {
	return follow(ctx, &p.state, &p.pushes, "pushes", within, see)
}

// follow shows what is, and what comes to be, in a list that is only ever added to.
func follow[T any](ctx context.Context, state *fake.State, list *[]T, what string, within time.Duration, see func(T) (enough bool)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for next := 0; ; {
		var fresh []T
		if !state.Await(ctx, func() bool { fresh = (*list)[next:]; return len(fresh) > 0 }) {
			return fmt.Errorf("%s did not come within %s; %d came: %w", what, within, next, ctx.Err())
		}
		next += len(fresh)
		for _, one := range fresh {
			if see(one) {
				return nil
			}
		}
	}
}
