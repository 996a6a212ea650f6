package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"rouse/engine"
)

// record is an alert as it lies on disk.
type record struct {
	Received time.Time    `json:"received"` // by this node's clock
	Alert    engine.Alert `json:"alert"`
}

const (
	segmentHead = "rouse spool 1.0\n"
	recordHead  = 12        // bytes before the JSON
	maxRecord   = 4 << 20   // bytes of JSON; an alert with all that the intake lets through has half of that
	maxRaw      = 512 << 10 // bytes of an alert's original: what the database keeps
)

var (
	marker     = []byte{0xF5, 'r', 'e', 'c'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// frame writes an alert as it lies on disk, whatever is in it: what JSON cannot say is left out.
func (r record) frame() ([]byte, error) {
	r.Alert.At, r.Alert.Until = sayable(r.Alert.At), sayable(r.Alert.Until)
	r.Alert.Raw = r.Alert.Raw[:min(len(r.Alert.Raw), maxRaw)]
	var b bytes.Buffer
	b.Grow(recordHead + len(r.Alert.Raw)*4/3 + len(r.Alert.Details) + 1<<10)
	b.Write(make([]byte, recordHead))
	text := json.NewEncoder(&b)
	text.SetEscapeHTML(false)
	if err := text.Encode(r); err != nil {
		return nil, fmt.Errorf("writing an alert as JSON: %w", err)
	}
	all := b.Bytes()
	size := len(all) - recordHead
	if size > maxRecord {
		return nil, fmt.Errorf("an alert of %d bytes is too large for the spool, which takes %d", size, maxRecord)
	}
	copy(all, marker)
	binary.LittleEndian.PutUint32(all[4:], uint32(size))
	binary.LittleEndian.PutUint32(all[8:], checksum(all[4:8], all[recordHead:]))
	return all, nil
}

// sayable is a time that JSON can say, zero for another one: RFC 3339 has years of four digits and zones of
// less than a day.
func sayable(t time.Time) time.Time {
	if _, err := t.MarshalJSON(); err != nil {
		return time.Time{}
	}
	return t
}

func checksum(length, text []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, text)
}

// readRecord reads the JSON of the record at an offset; nil if no good one is there that ends before end.
func readRecord(f io.ReaderAt, at, end int64) []byte {
	var head [recordHead]byte
	if at+recordHead > end {
		return nil
	}
	if _, err := f.ReadAt(head[:], at); err != nil || !bytes.Equal(head[:4], marker) {
		return nil
	}
	size := int64(binary.LittleEndian.Uint32(head[4:8]))
	if size == 0 || size > maxRecord || at+recordHead+size > end {
		return nil
	}
	text := make([]byte, size)
	if _, err := f.ReadAt(text, at+recordHead); err != nil {
		return nil
	}
	if checksum(head[4:8], text) != binary.LittleEndian.Uint32(head[8:]) {
		return nil
	}
	return text
}

// nextRecord finds the first good record from an offset on, and where it begins; what lies before that is
// damage. text is nil if there is none before end.
func nextRecord(f io.ReaderAt, from, end int64) (text []byte, at int64) {
	for at = from; at < end; {
		if text = readRecord(f, at, end); text != nil {
			return text, at
		}
		at = nextMarker(f, at+1, end)
	}
	return nil, end
}

// page is how much is read at a time while a marker is looked for, and given up where the disk cannot be read.
const page = 4 << 10

// nextMarker is where the next marker is, from an offset on; end if there is none.
func nextMarker(f io.ReaderAt, from, end int64) int64 {
	buf := make([]byte, page+len(marker)-1) // a marker may begin on one page and end on the next
	for ; from < end; from += page {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), end-from)], from)
		if err != nil && !errors.Is(err, io.EOF) && n < len(marker) {
			continue
		}
		if i := bytes.Index(buf[:n], marker); i >= 0 {
			return from + int64(i)
		}
	}
	return end
}

// segment is a file of records. What is not said to be somebody's is guarded by Spool.mu.
type segment struct {
	path   string
	file   *os.File // to append to, the writer's; nil: an earlier process made it
	size   int64    // bytes that are on disk for certain
	sealed bool     // nothing will be appended any more
	count  int      // records in it, as far as is known

	// The replay's.
	off   int64 // read up to here
	read  int   // records that were
	items int   // things to store that were made of it: records, and word of damage
	done  int   // of these, stored
	bad   bool  // it is damaged
}

// over reports whether all that is in it, and will ever be, is stored.
func (g *segment) over() bool { return g.sealed && g.off >= g.size && g.done == g.items }

// survey is what a segment of an earlier process holds.
type survey struct {
	first int64 // where records may begin
	count int   // good records
	end   int64 // behind the last one
	bad   bool  // there is damage before that
}

func surveyOf(f io.ReaderAt, size int64) (s survey) {
	head := make([]byte, len(segmentHead))
	if _, err := f.ReadAt(head, 0); err == nil && string(head) == segmentHead {
		s.first = int64(len(segmentHead))
	}
	s.end = s.first
	for {
		text, at := nextRecord(f, s.end, size)
		if text == nil {
			return s
		}
		s.bad = s.bad || at > s.end
		s.count++
		s.end = at + recordHead + int64(len(text))
	}
}
