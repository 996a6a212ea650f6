package pager_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
)

// wall is a chat whose posts can be read.
type wall struct {
	mu      sync.Mutex
	posts   map[string]notifiers.Post
	written int
	broken  *notifiers.Failure // what writing fails with
	health  notifiers.Breaker
}

func (w *wall) Post(_ context.Context, channel string, p notifiers.Post) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return "", w.broken
	}
	ref := fmt.Sprintf("%s/%d", channel, len(w.posts)+1)
	w.posts[ref] = p
	w.written++
	return ref, nil
}

func (w *wall) Update(_ context.Context, ref string, p notifiers.Post) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return w.broken
	}
	if _, ok := w.posts[ref]; !ok {
		return &notifiers.Failure{Kind: notifiers.Final, Gone: true, Provider: "wall", Detail: "no such post"}
	}
	w.posts[ref] = p
	w.written++
	return nil
}

// shows tells whether a post about an incident stands in a channel, with a line.
func (w *wall) shows(channel string, key engine.Key, line string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ref, p := range w.posts {
		if strings.HasPrefix(ref, channel+"/") && p.Key == string(key) && strings.Contains(strings.Join(p.Lines, "\n"), line) {
			return true
		}
	}
	return false
}

func (w *wall) breaks(f *notifiers.Failure) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = f
}

func newWall(t *testing.T, channels map[engine.ServiceID]string) (*house, *wall) {
	t.Helper()
	h := newHouseWithoutNode(t)
	w := &wall{posts: map[string]notifiers.Post{}}
	h.Pager = h.node("node-a", func(c *pager.Config) {
		c.Chats = func() []pager.Chat {
			return []pager.Chat{{Name: "wall", Poster: w, Channels: channels, Breaker: &w.health}}
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() { h.WritePosts(ctx) })
	t.Cleanup(func() { stop(); writing.Wait() })
	return h, w
}

// An incident has one post, which is written again in its place until it is over.
func TestAPostTellsHowAnIncidentStands(t *testing.T) {
	t.Parallel()
	h, w := newWall(t, map[engine.ServiceID]string{"bitbucket": "#git"})
	key := h.alert("db-1").Key
	h.until("it is posted", func() bool { return w.shows("#git", key, "incident manager: paging Ann.") })

	t.Log("who presses a button and is not known is told so; who is known answers")
	press := notifiers.Pressed{Key: string(key), User: "U1", Name: "ann", Event: "e1"}
	if _, err := h.Press(t.Context(), "wall", press); !errors.Is(err, pager.ErrStranger) {
		t.Errorf("a stranger: %v", err)
	}
	if err := enginedb.New(h.db).LinkChatUser(t.Context(), "wall", "U1", "ann"); err != nil {
		t.Fatal(err)
	}
	if r, err := h.Press(t.Context(), "wall", press); err != nil || r.Outcome != engine.OutcomeManager {
		t.Errorf("Ann: %+v, %v", r, err)
	}
	if _, err := h.Press(t.Context(), "wall", press); !errors.Is(err, pager.ErrSeen) {
		t.Errorf("the same press again: %v", err)
	}
	h.until("the post says who has it", func() bool { return w.shows("#git", key, "Incident manager: Ann.") })
	if err := h.Resolve(t.Context(), key, "ann", ""); err != nil {
		t.Fatal(err)
	}
	h.until("the post says that it is over", func() bool { return w.shows("#git", key, "It is over.") })
	if len(w.posts) != 1 {
		t.Errorf("%d posts", len(w.posts))
	}
	h.until("it is done", func() bool { return h.count(`select count(*) from post where done and detail = ''`) == 1 })
}

// A chat that is out of order is tried again, and pages go out meanwhile; one that says no for good is left alone.
func TestAChatThatIsOutOfOrder(t *testing.T) {
	t.Parallel()
	h, w := newWall(t, map[engine.ServiceID]string{"": "#all"})
	w.breaks(&notifiers.Failure{Kind: notifiers.Passing, Provider: "wall", Detail: "out of order"})
	key := h.alert("db-1").Key
	h.phones.expect(t, "ann", 1)
	h.until("it was tried in vain", func() bool {
		return h.count(`select count(*) from post where tries > 0 and not done and detail <> ''`) == 1
	})
	w.breaks(nil)
	h.exec(`update post set lease_until = '-infinity'`) // the rest is over
	h.until("it is posted", func() bool { return w.shows("#all", key, "paging Ann") })
	w.breaks(&notifiers.Failure{Kind: notifiers.Final, Gone: true, Provider: "wall", Detail: "no such channel"})
	if err := h.Resolve(t.Context(), key, "ann", ""); err != nil {
		t.Fatal(err)
	}
	h.until("it is given up", func() bool {
		return h.count(`select count(*) from post where done and detail like '%no such channel%'`) == 1
	})
}

// What a chat says to posts is remembered of it, as of who carries messages; that somebody deleted one is not its failure.
func TestAChatThatTakesNoPostsIsRememberedToFail(t *testing.T) {
	t.Parallel()
	h, w := newWall(t, map[engine.ServiceID]string{"": "#all"})
	w.breaks(&notifiers.Failure{Kind: notifiers.Passing, Provider: "slack", Detail: "no answer"})
	key := h.alert("db-1").Key
	again := func() { h.exec(`update post set lease_until = '-infinity'`) } // the rest is over
	h.until("it fails", func() bool { again(); return !w.health.Health().FailingSince.IsZero() })
	if f := w.health.Health().Failure; !strings.HasPrefix(f, "wall: no answer") {
		t.Errorf("the failure is %q", f)
	}
	w.breaks(nil)
	h.until("it is well", func() bool {
		again()
		n := w.health.Health()
		return n.FailingSince.IsZero() && n.LastSuccess.After(n.LastFailure)
	})
	before := w.health.Health()
	w.mu.Lock()
	clear(w.posts)
	w.mu.Unlock()
	if err := h.Resolve(t.Context(), key, "ann", ""); err != nil {
		t.Fatal(err)
	}
	h.until("it is given up", func() bool {
		return h.count(`select count(*) from post where done and detail like '%no such post%'`) == 1
	})
	if after := w.health.Health(); after != before {
		t.Errorf("once the post was deleted it is %+v, before %+v", after, before)
	}
}
