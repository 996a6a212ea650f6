package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

// pageSize is how many items are asked for at once; the API gives no more.
const pageSize = 200

// list gets the items of a list, following its cursor, at most so many; more says that there are others.
func (c *client) list(ctx context.Context, path string, query url.Values, most int) (items []json.RawMessage, more bool, err error) {
	for {
		query.Set("limit", strconv.Itoa(min(pageSize, most-len(items))))
		var answer struct {
			Items []json.RawMessage `json:"items"`
			Next  string            `json:"next"`
		}
		if _, err := c.get(ctx, path, query, &answer); err != nil {
			return nil, false, err
		}
		items = append(items, answer.Items...)
		more = answer.Next != ""
		if !more || len(items) >= most || len(answer.Items) == 0 {
			return items, more, nil
		}
		query.Set("cursor", answer.Next)
	}
}

// decoded reads items of a list.
func decoded[T any](items []json.RawMessage) (list []T, err error) {
	for _, raw := range items {
		var item T
		if err := json.Unmarshal(raw, &item); err != nil {
			return nil, fmt.Errorf("Rouse's answer cannot be read: %w. Is it of another version than this command (%s)?", err, version())
		}
		list = append(list, item)
	}
	return list, nil
}

// printItems writes a list as the API would in one piece.
func (c *cli) printItems(items []json.RawMessage) error {
	if items == nil {
		items = []json.RawMessage{}
	}
	return encodeJSON(c.stdout, map[string][]json.RawMessage{"items": items})
}

// answerFlags are the flags of every command that shows what a running Rouse answers.
type answerFlags struct {
	json bool
	zone string
}

func (f *answerFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON, as the REST API answers")
	cmd.Flags().StringVar(&f.zone, "zone", "", "time zone of the answer (default the machine's)")
}
