package prove

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// door is the one address under which senders, providers and phones find Rouse: a load balancer. It asks
// every node whether it is ready, twice a second, and leads new connections to those that are, in turn;
// if none is, to any that can be reached.
type door struct {
	*proxy
	nodes func() []string // addresses

	mu   sync.Mutex
	well map[string]bool
	next int
}

const (
	asksEvery = 500 * time.Millisecond
	asksFor   = time.Second
)

func openDoor(nodes func() []string) (*door, error) {
	d := &door{nodes: nodes, well: map[string]bool{}}
	var err error
	d.proxy, err = newProxy(d.lead)
	return d, err
}

// lead connects to a node.
func (d *door) lead() (net.Conn, error) {
	err := errors.New("there is no node")
	for _, address := range d.turn() {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", address, time.Second); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// turn lists the nodes to try: the ready ones first, each time beginning with another.
func (d *door) turn() (all []string) {
	nodes := d.nodes()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next++
	var rest []string
	for i := range nodes {
		address := nodes[(i+d.next)%len(nodes)]
		if d.well[address] {
			all = append(all, address)
		} else {
			rest = append(rest, address)
		}
	}
	return append(all, rest...)
}

// watch asks until ctx ends.
func (d *door) watch(ctx context.Context) {
	client := &http.Client{Timeout: asksFor, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(asksEvery)
	defer tick.Stop()
	for {
		var asked sync.WaitGroup
		for _, address := range d.nodes() {
			asked.Go(func() {
				well := isReady(ctx, client, address)
				d.mu.Lock()
				defer d.mu.Unlock()
				d.well[address] = well
			})
		}
		asked.Wait()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func isReady(ctx context.Context, client *http.Client, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}
