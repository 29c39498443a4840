// logcheck reads a log with the Go project's own transparency-log packages, which know nothing of Comity.
//
//	logcheck log FOLDER|URL VKEY           every leaf of the tree, its proof, its entry, and consistency from every earlier size
//	logcheck receipt VKEY ENTRY-HEX <FILE  one tlog-proof from standard input
//	logcheck cosigned VKEY WITNESS... <FILE  a checkpoint from standard input: signed by its log and by each of the witnesses
//
// It prints one line of JSON; exit 1 when something does not hold, with the reason.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	told, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "logcheck:", err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(told)
}

func run(arguments []string) (interface{}, error) {
	switch {
	case len(arguments) == 3 && arguments[0] == "log":
		return checkLog(arguments[1], arguments[2])
	case len(arguments) == 3 && arguments[0] == "receipt":
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, err
		}
		return checkReceipt(string(text), arguments[1], arguments[2])
	case len(arguments) >= 3 && arguments[0] == "cosigned":
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, err
		}
		return checkCosigned(text, arguments[1], arguments[2:])
	}
	return nil, errors.New("usage: logcheck log FOLDER VKEY | logcheck receipt VKEY ENTRY-HEX")
}

// openCheckpoint verifies the note with the log's key and reads its three lines.
func openCheckpoint(text []byte, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("the checkpoint has %d lines and the origin %q", len(lines)-1, lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, fmt.Errorf("the root is %q", lines[2])
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree, nil
}

// cosigner verifies C2SP tlog-cosignature v1 (vkey type 0x04) where the package expects a verifier of notes.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	when *uint64
}

func newCosigner(vkey string) (cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return cosigner{}, errors.New("not a vkey")
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 33 || raw[0] != 4 {
		return cosigner{}, errors.New("not the vkey of an Ed25519 cosigner")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	if hex.EncodeToString(sum[:4]) != parts[1] {
		return cosigner{}, errors.New("the key hash is wrong")
	}
	return cosigner{parts[0], binary.BigEndian.Uint32(sum[:4]), ed25519.PublicKey(raw[1:]), new(uint64)}, nil
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }

func (c cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	*c.when = binary.BigEndian.Uint64(signature)
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", *c.when, text)
	return *c.when != 0 && ed25519.Verify(c.key, []byte(signed), signature[8:])
}

// checkCosigned opens the note with the log's key and every witness's: the package refuses a known key's wrong signature by itself.
func checkCosigned(text []byte, vkey string, witnesses []string) (interface{}, error) {
	tree, err := openCheckpoint(text, vkey)
	if err != nil {
		return nil, err
	}
	times := map[string]uint64{}
	for _, witness := range witnesses {
		c, err := newCosigner(witness)
		if err != nil {
			return nil, err
		}
		if _, err := note.Open(text, note.VerifierList(c)); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		times[c.name] = *c.when
	}
	return map[string]interface{}{"size": tree.N, "times": times}, nil
}

// readFile reads a file of the log from a folder, or from any web server that has it.
func readFile(folder, path string) ([]byte, error) {
	if !strings.Contains(folder, "://") {
		return os.ReadFile(filepath.Join(folder, path))
	}
	answer, err := http.Get(strings.TrimSuffix(folder, "/") + "/" + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%s: %w", path, os.ErrNotExist)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// tiles reads C2SP tlog-tiles from a folder: the Go packages' own layout differs only in the paths.
type tiles struct{ folder string }

func (t tiles) Height() int { return 8 }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func c2spPath(level string, n int64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	if width != 256 {
		path += fmt.Sprintf(".p/%d", width)
	}
	return "tile/" + level + "/" + path
}

// read takes the partial tile, or, where it is gone, the full one, whose front it was.
func (t tiles) read(level string, n int64, width int) ([]byte, error) {
	data, err := readFile(t.folder, c2spPath(level, n, width))
	if errors.Is(err, os.ErrNotExist) && width != 256 {
		return readFile(t.folder, c2spPath(level, n, 256))
	}
	return data, err
}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		data, err := t.read(strconv.Itoa(tile.L), tile.N, tile.W)
		if err != nil {
			return nil, err
		}
		if len(data) < tile.W*tlog.HashSize {
			return nil, fmt.Errorf("tile %v has %d bytes", tile, len(data))
		}
		all = append(all, data[:tile.W*tlog.HashSize])
	}
	return all, nil
}

// entries reads the bundles: 256 entries each, a 16-bit length before each.
func (t tiles) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := size - n*256
		if width > 256 {
			width = 256
		}
		data, err := t.read("entries", n, int(width))
		if err != nil {
			return nil, err
		}
		for i := int64(0); i < width; i++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("bundle %d ends in entry %d", n, i)
			}
			length := int(binary.BigEndian.Uint16(data))
			all = append(all, data[2:2+length])
			data = data[2+length:]
		}
	}
	return all, nil
}

func checkLog(folder, vkey string) (interface{}, error) {
	text, err := readFile(folder, "checkpoint")
	if err != nil {
		return nil, err
	}
	tree, err := openCheckpoint(text, vkey)
	if err != nil {
		return nil, err
	}
	source := tiles{folder}
	reader := tlog.TileHashReader(tree, source)
	entries, err := source.entries(tree.N)
	if err != nil {
		return nil, err
	}
	consistent := 0
	for i := int64(0); i < tree.N; i++ {
		leaf := tlog.RecordHash(entries[i])
		proof, err := tlog.ProveRecord(tree.N, i, reader)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %v", i, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, i, leaf); err != nil {
			return nil, fmt.Errorf("entry %d: %v", i, err)
		}
		old, err := tlog.TreeHash(i+1, reader)
		if err != nil {
			return nil, fmt.Errorf("size %d: %v", i+1, err)
		}
		change, err := tlog.ProveTree(tree.N, i+1, reader)
		if err != nil {
			return nil, fmt.Errorf("size %d: %v", i+1, err)
		}
		if err := tlog.CheckTree(change, tree.N, tree.Hash, i+1, old); err != nil {
			return nil, fmt.Errorf("size %d: %v", i+1, err)
		}
		consistent++
	}
	return map[string]interface{}{"size": tree.N, "entries": len(entries), "consistent": consistent}, nil
}

func checkReceipt(text, vkey, entryHex string) (interface{}, error) {
	entry, err := hex.DecodeString(entryHex)
	if err != nil {
		return nil, err
	}
	at := strings.Index(text, "\n\n")
	if at < 0 {
		return nil, errors.New("there is no blank line before the checkpoint")
	}
	tree, err := openCheckpoint([]byte(text[at+2:]), vkey)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(text[:at], "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		return nil, fmt.Errorf("the first line is %q", lines[0])
	}
	index, path := int64(-1), tlog.RecordProof{}
	for _, line := range lines[1:] {
		switch {
		case strings.HasPrefix(line, "extra ") && index < 0:
		case strings.HasPrefix(line, "index "):
			if index, err = strconv.ParseInt(line[len("index "):], 10, 64); err != nil {
				return nil, err
			}
		default:
			hash, err := tlog.ParseHash(line)
			if err != nil {
				return nil, err
			}
			path = append(path, hash)
		}
	}
	if err := tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		return nil, err
	}
	return map[string]interface{}{"index": index, "size": tree.N}, nil
}
