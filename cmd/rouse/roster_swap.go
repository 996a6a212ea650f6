package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// swapOffer is the body of POST /v1/rosters/{slug}/swaps.
type swapOffer struct {
	Partner  string    `json:"partner"`
	Rotation string    `json:"rotation,omitempty"`
	Give     swapSpan  `json:"give"`
	Take     *swapSpan `json:"take,omitempty"`
}

type swapSpan struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// swapAnswer is a swap as the API tells it.
type swapAnswer struct {
	ID       int64     `json:"id"`
	Proposer string    `json:"proposer"`
	Partner  string    `json:"partner"`
	Give     swapSpan  `json:"give"`
	Take     *swapSpan `json:"take"`
	State    string    `json:"state"`
}

func (c *cli) rosterSwapCommand() *cobra.Command {
	var flags answerFlags
	var partner, give, take, rotation string
	var force bool
	answers := map[string]*int64{"accept": new(int64), "decline": new(int64), "withdraw": new(int64)}
	cmd := &cobra.Command{
		Use:   "swap SLUG",
		Short: "Offer a shift for another, or answer such an offer",
		Long: `Swap offers somebody a shift of yours for one of theirs, or for nothing. Nothing changes until they
accept. Shifts are named by a moment within them. You are the person that the key in ROUSE_TOKEN acts
as. Without flags it lists the swaps that were offered.`,
		Example: `  rouse roster swap dba --with bob --give "2026-12-24 12:00" --take "2026-12-31 12:00"
  rouse roster swap dba --accept 7
  rouse roster swap dba`,
		Args: takes("SLUG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := c.reader(flags.zone)
			if err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			path := rosterPath(args[0]) + "/swaps"
			var made swapAnswer
			var raw json.RawMessage
			var did string
			for name, id := range answers {
				if *id != 0 {
					if did != "" || partner != "" {
						return usagef("--accept, --decline, --withdraw and --with exclude each other: keep one")
					}
					did, path = name, fmt.Sprintf("%s/%d/%s", path, *id, name)
				}
			}
			switch {
			case did != "":
				if force && did == "accept" {
					path += "?force=true"
				}
				raw, err = api.post(cmd.Context(), path, nil, &made)
			case partner == "" && give == "":
				return c.listSwaps(cmd.Context(), api, args[0], flags, r)
			case partner == "" || give == "":
				return usagef("an offer needs both --with and --give: say to whom, and a moment within your shift")
			default:
				offer := swapOffer{Partner: partner, Rotation: rotation}
				if offer, err = offer.named(cmd.Context(), api, args[0], give, take, r); err == nil {
					raw, err = api.post(cmd.Context(), path, offer, &made)
				}
			}
			if err != nil {
				return aboutRoster(args[0], err)
			}
			if flags.json {
				return encodeJSON(c.stdout, raw)
			}
			return c.print(swapTable([]swapAnswer{made}, r))
		},
	}
	cmd.Flags().StringVar(&partner, "with", "", "handle of the person to whom the shift is offered")
	cmd.Flags().StringVar(&give, "give", "", "a moment within the shift that is offered, such as \"2026-12-24 12:00\"")
	cmd.Flags().StringVar(&take, "take", "", "a moment within the shift that is wanted for it (default none)")
	cmd.Flags().StringVar(&rotation, "rotation", "", "only within this rotation of the roster")
	cmd.Flags().Int64Var(answers["accept"], "accept", 0, "accept the offer of this number")
	cmd.Flags().BoolVar(&force, "force", false, "accept it even if an alert would then find nobody to page")
	cmd.Flags().Int64Var(answers["decline"], "decline", 0, "decline it")
	cmd.Flags().Int64Var(answers["withdraw"], "withdraw", 0, "withdraw one of your own")
	flags.add(cmd)
	return cmd
}

// named finds the shifts that are meant: the one that is wanted is the partner's, the other is not.
func (o swapOffer) named(ctx context.Context, api *client, slug, give, take string, r reader) (swapOffer, error) {
	shift := func(moment string, mine bool) (swapSpan, error) {
		at, err := r.parse(moment)
		if err != nil {
			return swapSpan{}, err
		}
		const around = 40 * 24 * time.Hour
		query := url.Values{"from": {at.Add(-around).UTC().Format(time.RFC3339)}, "to": {at.Add(around).UTC().Format(time.RFC3339)}}
		var found struct {
			Items []rosterShift `json:"items"`
		}
		if _, err := api.get(ctx, rosterPath(slug)+"/shifts", query, &found); err != nil {
			return swapSpan{}, err
		}
		for _, s := range found.Items {
			covers := !at.Before(s.From) && at.Before(s.To)
			if covers && (s.Person != o.Partner) == mine && (o.Rotation == "" || s.Rotation == o.Rotation) {
				return swapSpan{s.From, s.To}, nil
			}
		}
		whose := o.Partner
		if mine {
			whose = "anybody but " + o.Partner
		}
		return swapSpan{}, fmt.Errorf("there is no shift of %s at %s: `rouse roster show %s` draws the shifts", whose, r.show(at), slug)
	}
	var err error
	if o.Give, err = shift(give, true); err != nil || take == "" {
		return o, err
	}
	wanted, err := shift(take, false)
	o.Take = &wanted
	return o, err
}

func (c *cli) listSwaps(ctx context.Context, api *client, slug string, flags answerFlags, r reader) error {
	items, _, err := api.list(ctx, rosterPath(slug)+"/swaps", url.Values{}, 200)
	if err != nil {
		return aboutRoster(slug, err)
	}
	if flags.json {
		return c.printItems(items)
	}
	list, err := decoded[swapAnswer](items)
	if err != nil {
		return err
	}
	return c.print(swapTable(list, r))
}

func swapTable(list []swapAnswer, r reader) (t table) {
	if len(list) == 0 {
		t.add("", "No swaps were offered.")
		return t
	}
	t.add(bold, "SWAP", "STATE", "FROM", "TO", "GIVES", "FOR")
	for _, s := range list {
		wanted := "nothing"
		if s.Take != nil {
			wanted = r.span(*s.Take)
		}
		t.add("", fmt.Sprint(s.ID), strings.ToLower(s.State), s.Proposer, s.Partner, r.span(s.Give), wanted)
	}
	return t
}

func (r reader) span(s swapSpan) string { return r.show(s.From) + " – " + r.show(s.To) }
