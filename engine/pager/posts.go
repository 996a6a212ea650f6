package pager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Chat is one in which incidents are posted.
type Chat struct {
	Name     string // of the provider
	Poster   notifiers.Poster
	Channels map[engine.ServiceID]string // where the incidents of a service are shown; those of others where "" says, if it does
	Language string
	Breaker  *notifiers.Breaker // remembers how writing goes; nil: nobody does
}

const (
	postEvery  = time.Second
	postLease  = 30 * time.Second
	postsAtOne = 20
	postWithin = 15 * time.Second
	// postGap is what chats allow in one channel (https://docs.slack.dev/apis/web-api/rate-limits); what happens
	// meanwhile is shown by the next writing.
	postGap   = time.Second
	postTries = 20 // in vain, before a post is given up: about half an hour
)

// WritePosts keeps the posts in chats as the incidents are, until ctx ends. Any number of nodes may do it. Pages go
// their own way and never wait for it.
func (p *Pager) WritePosts(ctx context.Context) {
	tick := time.NewTicker(postEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var writing sync.WaitGroup
		for _, chat := range p.cfg.Chats() {
			writing.Go(func() {
				err := recovered(func() error { return p.writePosts(ctx, chat) })
				if err != nil && ctx.Err() == nil {
					p.log.Warn("posts could not be written; trying again", "chat", chat.Name, "err", notifiers.MaskNumbers(err.Error()))
				}
			})
		}
		writing.Wait()
	}
}

func (p *Pager) writePosts(ctx context.Context, chat Chat) error {
	db := enginedb.New(p.cfg.DB)
	if err := db.OpenPosts(ctx, chat.Name, chat.Channels, p.Offset()); err != nil {
		return err
	}
	due, err := db.ClaimPosts(ctx, chat.Name, postsAtOne, postLease)
	for i, post := range due {
		if i > 0 && !lasts(ctx, postGap) {
			return ctx.Err()
		}
		if err := p.writePost(ctx, chat, post); err != nil {
			return err
		}
	}
	return err
}

// lasts waits for d, and reports whether ctx lasted.
func lasts(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// writePost writes one post, or lets it rest. A node that dies in between leaves it to the next one when the lease is
// over: a new post may then be there twice, and the second is kept up.
func (p *Pager) writePost(ctx context.Context, chat Chat, due enginedb.DuePost) error {
	db := enginedb.New(p.cfg.DB)
	inc, err := db.Incident(ctx, due.Key)
	if err != nil {
		return err
	}
	post := p.post(ctx, chat, inc)
	sending, cancel := context.WithTimeout(ctx, postWithin)
	defer cancel()
	isThere := due.Ref != ""
	if !isThere {
		due.Ref, err = chat.Poster.Post(sending, due.Channel, post)
	} else {
		err = chat.Poster.Update(sending, due.Ref, post)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if chat.Breaker != nil && !(isThere && gone(err)) { // that somebody deleted a post is not the chat's failure
		chat.Breaker.Wrote(time.Now(), chat.Name, err)
	}
	if err == nil {
		return db.PostWritten(ctx, due, post.Over)
	}
	rest, givenUp := p.postRests(due, err)
	p.log.Warn("a post could not be written", "chat", chat.Name, "key", due.Key, "given_up", givenUp, "err", notifiers.MaskNumbers(err.Error()))
	return db.PostFailed(ctx, due, rest, givenUp, notifiers.MaskNumbers(err.Error()))
}

// gone reports whether what was to be written is not there any more.
func gone(err error) bool {
	f, ok := errors.AsType[*notifiers.Failure](err)
	return ok && f.Gone
}

// postRests says for how long a post that could not be written is left alone, and whether for ever.
func (p *Pager) postRests(due enginedb.DuePost, err error) (rest time.Duration, givenUp bool) {
	rest = min(5*time.Second<<min(due.Tries, 5), 2*time.Minute)
	f, ok := errors.AsType[*notifiers.Failure](err)
	if !ok {
		return rest, due.Tries >= postTries
	}
	return max(rest, f.RetryAfter), f.Kind == notifiers.Final || due.Tries >= postTries
}

// post is an incident as a chat shows it.
func (p *Pager) post(ctx context.Context, chat Chat, inc engine.Incident) notifiers.Post {
	people := rosterdb.New(p.cfg.DB)
	name := func(id rosters.PersonID) string { return p.name(ctx, people, id) }
	post := notifiers.Post{Key: string(inc.Key), Severity: int(inc.Severity), Summary: inc.Summary, Service: string(inc.Service), Over: inc.Status == engine.Resolved, Language: chat.Language}
	w := postWords(chat.Language)
	switch {
	case inc.Status == engine.Resolved:
		post.Lines = append(post.Lines, w.over)
	case inc.Manager != "":
		post.Lines = append(post.Lines, fmt.Sprintf(w.managed, name(inc.Manager)))
	}
	for _, e := range inc.Escalations {
		if line := w.escalation(e, chat.Language, name); line != "" && !post.Over {
			post.Lines = append(post.Lines, line)
		}
	}
	if !post.Over {
		post.Ack, post.Decline = notifiers.PushButtons(notifiers.Message{Language: chat.Language})
	}
	return post
}

// inPosts are the sentences of a post.
type inPosts struct{ over, managed, holds, paging, waits, nobody string }

var (
	englishPosts = inPosts{over: "It is over.", managed: "Incident manager: %s.", holds: "%s: %s has it.", paging: "%s: paging %s.",
		waits: "%s: waits until %s (%s).", nobody: "%s: nobody could be paged."}
	germanPosts = inPosts{over: "Es ist vorbei.", managed: "Incident Manager: %s.", holds: "%s: %s hat es übernommen.", paging: "%s: gerufen wird %s.",
		waits: "%s: wartet bis %s (%s).", nobody: "%s: niemand konnte gerufen werden."}
)

func postWords(language string) inPosts {
	if strings.HasPrefix(notifiers.VoiceLanguage(language), "de") {
		return germanPosts
	}
	return englishPosts
}

// escalation is a line about one; the manager's needs none once there is a manager.
func (w inPosts) escalation(e engine.Escalation, language string, name func(rosters.PersonID) string) string {
	role := notifiers.RoleIn(language, e.Role)
	switch e.State {
	case engine.Waiting:
		return fmt.Sprintf(w.waits, role, e.WaitUntil.UTC().Format("2006-01-02 15:04 MST"), cmp.Or(e.WaitFor, engine.ReasonOutsideHours))
	case engine.Acknowledged, engine.Asking:
		if e.Role == engine.RoleManager {
			return ""
		}
		return fmt.Sprintf(w.holds, role, name(e.Holder))
	case engine.Climbing:
		var paged []string
		for _, page := range e.Pages {
			if n := name(page.Person); page.State == engine.PageOpen && !slices.Contains(paged, n) {
				paged = append(paged, n)
			}
		}
		if len(paged) == 0 {
			return fmt.Sprintf(w.nobody, role)
		}
		return fmt.Sprintf(w.paging, role, strings.Join(paged, ", "))
	default:
		return ""
	}
}

// Press carries out a button of a post. ErrNotFound: nobody is known by that user, or there is no such incident.
func (p *Pager) Press(ctx context.Context, chat string, pressed notifiers.Pressed) (Reply, error) {
	who, err := enginedb.New(p.cfg.DB).ChatUser(ctx, chat, pressed.User)
	if errors.Is(err, enginedb.ErrNotFound) {
		return Reply{}, ErrStranger
	}
	if err != nil {
		return Reply{}, err
	}
	from := From{Key: engine.Key(pressed.Key), Person: who}
	if pressed.Event != "" {
		from.Event = chat + ":" + pressed.Event
	}
	return p.answer(ctx, from, chat, pressed.Decline)
}
