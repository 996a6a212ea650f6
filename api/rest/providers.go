package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rouse/api/problem"
	"rouse/api/providers"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

// providerSettings are of any form: what they mean is a kind's.
type providerSettings = json.RawMessage

func providerOut(v providers.View) Provider {
	return Provider{Name: v.Name, Kind: v.Kind, Position: v.Position, Settings: settingsOut(v.Settings), Disabled: v.Disabled, SecretNames: v.Secrets,
		Given: v.Given, State: string(v.State), Why: v.Why, Channels: mapped(v.Channels, providerChannelOut), Version: v.Version, CreatedAt: utc(v.CreatedAt), UpdatedAt: utc(v.UpdatedAt)}
}

// addressedProvider is a provider with the address of its callbacks, which is a secret.
func addressedProvider(v providers.View) Provider {
	out := providerOut(v)
	out.CallbackURL = v.CallbackURL
	return out
}

func providerChannelOut(c providers.ChannelView) ProviderChannel {
	return ProviderChannel{Channel: string(c.Channel), FailingSince: utc(c.FailingSince), LastSuccess: utc(c.LastSuccess), LastFailure: utc(c.LastFailure),
		Failure: c.Failure, Delivered: c.Count, P50Seconds: seconds(c.P50), P95Seconds: seconds(c.P95),
		LastHour: ProviderLastHour{Sent: c.LastHour.Sent, Delivered: c.LastHour.Delivered, Failed: c.LastHour.Failed}, Canary: canaryOut(c)}
}

// canaryOut is zero of a channel without a robot's address.
func canaryOut(c providers.ChannelView) ProviderCanary {
	if c.Canary == nil {
		return ProviderCanary{}
	}
	return ProviderCanary{Up: !c.Down(), DownSince: utc(c.Canary.DownSince), LastSent: utc(c.Canary.SentAt), LastBack: utc(c.Canary.CameAt), Seconds: seconds(c.Canary.Took),
		Misses: c.Canary.Misses, Detail: c.Canary.Detail}
}

// seconds are to the millisecond: nobody tells more.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

func aboutProvider(name string, err error) error {
	if errors.Is(err, providers.ErrGiven) {
		return problem.Conflict.Because("Provider %s is set up by the environment of the server, and changed there. Choose another name.", name)
	}
	return about("provider "+name, err)
}

func (h handlers) ListProviders(ctx context.Context, _ ListProvidersRequestObject) (ListProvidersResponseObject, error) {
	all, err := h.providers.Views(ctx)
	if err != nil {
		return nil, err
	}
	return ListProviders200JSONResponse{Items: mapped(all, providerOut)}, nil
}

func (h handlers) GetProvider(ctx context.Context, r GetProviderRequestObject) (GetProviderResponseObject, error) {
	v, err := h.providers.View(ctx, r.Name)
	if err != nil {
		return nil, aboutProvider(r.Name, err)
	}
	return GetProvider200JSONResponse{addressedProvider(v), GetProvider200ResponseHeaders{etag(v.Version)}}, nil
}

func (h handlers) ReplaceProvider(ctx context.Context, r ReplaceProviderRequestObject) (ReplaceProviderResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	b := r.Body
	w := providers.Wish{Name: r.Name, Kind: providers.Kind(b.Kind), Position: max(b.Position, 0), Settings: b.Settings, Secrets: b.Secrets, Disabled: b.Disabled}
	v, err := h.providers.Save(ctx, h.incidents, w, version)
	if err != nil {
		return nil, aboutProvider(r.Name, err)
	}
	if err := h.withProviders(ctx); err != nil {
		return nil, err
	}
	out := addressedProvider(v)
	if r.Params.DryRun {
		out.CallbackURL = "" // a new one would be another
	}
	return ReplaceProvider200JSONResponse{out, ReplaceProvider200ResponseHeaders{etag(v.Version)}}, nil
}

func (h handlers) DeleteProvider(ctx context.Context, r DeleteProviderRequestObject) (DeleteProviderResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := h.providers.Delete(ctx, h.incidents, r.Name, version); err != nil {
		return nil, aboutProvider(r.Name, err)
	}
	if err := h.withProviders(ctx); err != nil {
		return nil, err
	}
	return DeleteProvider204Response{}, nil
}

// withProviders has what comes of a change worked out with the channels that there are after it: whoever can be
// reached on no other leaves a hole. The API of a change is its own.
func (h handlers) withProviders(ctx context.Context) error {
	usable, err := h.providers.UsableWith(ctx, h.incidents)
	h.API.channels = func() map[rosters.Channel]bool { return usable }
	return err
}

func testOut(t enginedb.ProviderTest) ProviderTest {
	receipts := t.Channel == string(notifiers.SMS) || t.Channel == string(notifiers.Voice)
	return ProviderTest{ID: t.Nonce, Channel: t.Channel, State: string(t.State), Detail: t.Detail, MadeAt: utc(t.MadeAt), ToldAt: utc(t.ToldAt), Receipts: receipts}
}

func (h handlers) TestProvider(ctx context.Context, r TestProviderRequestObject) (TestProviderResponseObject, error) {
	channels, err := h.providers.ChannelsOf(ctx, r.Name)
	if err != nil {
		return nil, aboutProvider(r.Name, err)
	}
	if len(channels) == 0 {
		return nil, h.untestable(ctx, r.Name)
	}
	to, err := h.testContact(ctx, r.Name, channels, *r.Body)
	if err != nil {
		return nil, err
	}
	t, err := h.providers.Try(ctx, r.Name, notifiers.Channel(to.Channel), to.Address)
	if errors.Is(err, providers.ErrBroken) {
		return nil, problem.Conflict.Because("Provider %s cannot be tried: %s.", r.Name, notifiers.MaskNumbers(err.Error()))
	}
	if err != nil {
		return nil, aboutProvider(r.Name, err)
	}
	return TestProvider200JSONResponse(testOut(t)), nil
}

// untestable says why a provider has no channel on which a test could go.
func (h handlers) untestable(ctx context.Context, name string) error {
	p, err := h.providers.View(ctx, name)
	switch {
	case err != nil:
		return aboutProvider(name, err)
	case p.State == providers.Broken:
		return problem.Conflict.Because("Provider %s cannot be tried: %s.", name, notifiers.MaskNumbers(p.Why))
	default:
		return problem.Conflict.Because("Provider %s, of kind %s, posts incidents in a chat and sends nothing to a person's contact, so that no test goes to anybody: report trouble, and look at the chat.", name, p.Kind)
	}
}

// testContact is whom a test goes to.
func (h handlers) testContact(ctx context.Context, name string, channels []notifiers.Channel, b ProviderTestWish) (to rosters.Contact, err error) {
	person := rosters.PersonID(b.Person)
	if person == "" {
		person = h.caller.Person
	}
	if person == "" {
		return to, wrong("/person", "", "is missing, and the key belongs to nobody: say whose contact the test goes to")
	}
	if b.Person != "" {
		if err := h.personIsThere(ctx, "/person", b.Person); err != nil {
			return to, err
		}
	}
	p, err := h.readPerson(ctx, string(person))
	if err != nil {
		return to, err
	}
	sends := "; it sends on " + strings.Join(mapped(channels, func(c notifiers.Channel) string { return string(c) }), " and ")
	for i, c := range p.Contacts {
		if (b.Contact == 0 || b.Contact == p.ContactIDs[i]) && slices.Contains(channels, notifiers.Channel(c.Channel)) {
			return c, nil
		}
	}
	if b.Contact != 0 {
		return to, wrong("/contact", fmt.Sprint(b.Contact), fmt.Sprintf("is no contact of %s that provider %s can reach%s", person, name, sends))
	}
	return to, wrong("/person", string(person), fmt.Sprintf("has no contact that provider %s can reach%s", name, sends))
}

func (h handlers) GetProviderTest(ctx context.Context, r GetProviderTestRequestObject) (GetProviderTestResponseObject, error) {
	t, err := h.incidents.Test(ctx, r.Name, r.ID)
	if err != nil {
		return nil, about("test of provider "+r.Name, err)
	}
	return GetProviderTest200JSONResponse(testOut(t)), nil
}
