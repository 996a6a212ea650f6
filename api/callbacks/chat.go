package callbacks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/mattermost"
	"rouse/notifiers/slack"
)

// Chats finds the chats whose buttons are pressed; *providers.Registry is it outside tests.
type Chats interface {
	Slack(name string) (*slack.Slack, bool)
	Mattermost(name string) (*mattermost.Mattermost, bool)
}

const viaChat = "chat"

func (h *Handler) slack(name string) (*slack.Slack, bool) {
	if h.chats == nil {
		return nil, false
	}
	return h.chats.Slack(name)
}

func (h *Handler) mattermost(name string) (*mattermost.Mattermost, bool) {
	if h.chats == nil {
		return nil, false
	}
	return h.chats.Mattermost(name)
}

// SlackButton takes a button of a post in Slack: POST /callbacks/slack/{provider}, signed by Slack. The answer is shown
// to who pressed, by the address that Slack gave for it; the post itself is written again by the engine.
func (h *Handler) SlackButton(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	chat, ok := h.slack(r.PathValue("provider"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	p, err := chat.Read(r, time.Now())
	switch {
	case errors.Is(err, slack.ErrOther):
		w.WriteHeader(http.StatusOK)
		return
	case err != nil:
		h.log.WarnContext(r.Context(), "callback refused; if Slack sent it, compare the signing secret with the app's", "callback", "slack", "err", err)
		http.Error(w, "The signature is not valid.", http.StatusForbidden)
		return
	}
	said, ok := h.pressedIn(r, r.PathValue("provider"), p)
	if !ok {
		unavailable(w)
		return
	}
	w.WriteHeader(http.StatusOK)
	if err := chat.Whisper(context.WithoutCancel(r.Context()), p, said); err != nil {
		h.log.WarnContext(r.Context(), "who pressed a button could not be told what it did", "callback", "slack", "err", mask(err))
	}
}

// MattermostButton takes a button of a post in Mattermost: POST /callbacks/mattermost/{provider}, proven by what Rouse
// put into the button. The answer is shown to who pressed.
func (h *Handler) MattermostButton(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	chat, ok := h.mattermost(r.PathValue("provider"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	p, err := chat.Read(r)
	if err != nil {
		h.log.WarnContext(r.Context(), "callback refused", "callback", "mattermost", "err", err)
		http.Error(w, "No such button.", http.StatusForbidden)
		return
	}
	said, ok := h.pressedIn(r, r.PathValue("provider"), p)
	if !ok {
		said = plain("", notifiers.TryAgain)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"ephemeral_text": said}) // Mattermost is gone
}

// pressedIn carries out a button, and says what it did; ok is false if that could not be stored.
func (h *Handler) pressedIn(r *http.Request, chat string, p notifiers.Pressed) (said string, ok bool) {
	reply, err := h.patiently(r, func(ctx context.Context) (pager.Reply, error) { return h.engine.Press(ctx, chat, p) })
	h.answered(r, viaChat, reply, err)
	switch {
	case err == nil:
		return inWords(reply).Text(), true
	case errors.Is(err, pager.ErrStranger):
		return fmt.Sprintf("Rouse does not know who you are here. An admin can say so: rouse provider user %s %s HANDLE", chat, p.User), true
	case errors.Is(err, pager.ErrSeen), errors.Is(err, errUnclear):
		return sentencesIn(reply.Person.Language).takenIn, true
	case errors.Is(err, pager.ErrResolved), errors.Is(err, pager.ErrNotFound):
		return plain(reply.Person.Language, notifiers.Over), true
	default:
		return "", false
	}
}
