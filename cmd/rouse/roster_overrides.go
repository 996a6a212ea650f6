package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

func (c *cli) listOverrides(ctx context.Context, slug string, flags spanFlags) error {
	r, err := c.reader(flags.zone)
	if err != nil {
		return err
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	items, _, err := api.list(ctx, rosterPath(slug)+"/overrides", url.Values{}, 10_000)
	if err != nil {
		return aboutRoster(slug, err)
	}
	list, err := decoded[overridden](items)
	if err != nil {
		return err
	}
	var t table
	if len(list) == 0 {
		t.add("", "There are no overrides in "+slug+" that are not over.")
	} else {
		t.add(bold, "NUMBER", "FROM", "TO", "WHAT")
	}
	for _, o := range list {
		t.add("", fmt.Sprint(o.ID), r.show(o.From), r.show(o.To), o.what(slug))
	}
	return c.print(t)
}

func (c *cli) cancelOverride(ctx context.Context, slug string, id int64, flags spanFlags) error {
	r, err := c.reader(flags.zone)
	if err != nil {
		return err
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	var did overridden
	raw, err := api.do(ctx, http.MethodDelete, fmt.Sprintf("%s/overrides/%d%s", rosterPath(slug), id, flags.query()), nil, &did)
	if err != nil {
		return aboutRoster(slug, err)
	}
	if flags.json {
		return encodeJSON(c.stdout, json.RawMessage(raw))
	}
	var t table
	if did.DryRun {
		t.add("", "Nothing is saved. It would be:")
	}
	t.add(green, fmt.Sprintf("Override %d of %s is taken back.", id, slug))
	did.Effects.tell(&t, r)
	return c.print(t)
}
