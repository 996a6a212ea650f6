package providers

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/mattermost"
	"rouse/notifiers/slack"
)

// chatSettings are those of a chat.
type chatSettings struct {
	URL      string            `json:"url"`      // of Mattermost; of Slack another than its own, for a simulator
	Channels map[string]string `json:"channels"` // by service where its incidents are posted; "" is for all others
	Language string            `json:"language"` // of the posts; "" is English
}

var slug = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

func readChat(settings json.RawMessage) (s chatSettings, err error) {
	if err := read(settings, &s); err != nil {
		return s, err
	}
	if len(s.Channels) == 0 {
		return s, errors.New(`settings: channels has none: {"channels": {"": "#incidents"}} posts every incident`)
	}
	for _, service := range slices.Sorted(maps.Keys(s.Channels)) {
		if service != "" && !slug.MatchString(service) {
			return s, fmt.Errorf("settings: channels has %q, which is no service's slug", service)
		}
		if strings.TrimSpace(s.Channels[service]) == "" {
			return s, fmt.Errorf("settings: channels has no channel for %q", service)
		}
	}
	return s, nil
}

func (s chatSettings) chat(name string, poster notifiers.Poster) *pager.Chat {
	c := &pager.Chat{Name: name, Poster: poster, Language: s.Language, Channels: map[engine.ServiceID]string{}}
	for service, channel := range s.Channels {
		c.Channels[engine.ServiceID(service)] = channel
	}
	return c
}

func makeSlack(o Outside, name string, settings json.RawMessage, secrets map[string]string) (outlet, error) {
	s, err := readChat(settings)
	if err != nil {
		return outlet{}, err
	}
	signing := slices.DeleteFunc([]string{secrets["signing_secret"], secrets["old_signing_secret"]}, func(s string) bool { return s == "" })
	app, err := slack.New(slack.Config{Token: secrets["token"], SigningSecrets: signing, BaseURL: s.URL, HTTP: o.HTTP})
	if err != nil {
		return outlet{}, err
	}
	return outlet{chat: s.chat(name, app), slack: app}, nil
}

func makeMattermost(o Outside, name string, settings json.RawMessage, secrets map[string]string) (outlet, error) {
	s, err := readChat(settings)
	if err != nil {
		return outlet{}, err
	}
	bot, err := mattermost.New(mattermost.Config{BaseURL: s.URL, Token: secrets["token"], Secret: secrets["secret"],
		CallbackURL: strings.TrimRight(o.PublicURL, "/") + "/callbacks/mattermost/" + name, HTTP: o.HTTP})
	if err != nil {
		return outlet{}, err
	}
	return outlet{chat: s.chat(name, bot), mattermost: bot}, nil
}

// Chats are those in which incidents are posted now.
func (r *Registry) Chats() []pager.Chat {
	var all []pager.Chat
	for _, p := range r.each() {
		if p.chat != nil && !p.Disabled {
			all = append(all, *p.chat)
		}
	}
	return all
}

// Slack is the app of a name, whose buttons may be pressed; also while it is switched off, as posts are there.
func (r *Registry) Slack(name string) (*slack.Slack, bool) {
	for _, p := range r.each() {
		if p.Name == name && p.slack != nil {
			return p.slack, true
		}
	}
	return nil, false
}

// Mattermost is the bot of a name, likewise.
func (r *Registry) Mattermost(name string) (*mattermost.Mattermost, bool) {
	for _, p := range r.each() {
		if p.Name == name && p.mattermost != nil {
			return p.mattermost, true
		}
	}
	return nil, false
}
