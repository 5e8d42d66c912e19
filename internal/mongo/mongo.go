// Package mongo keeps issues in MongoDB, for more than one node on one database.
//
// It works the same on a standalone server, a replica set and a sharded cluster, because it relies on
// nothing but single-document atomicity and ids that are known before they are written. There are no
// transactions, change streams or collations in it.
//
// A commit goes like this:
//
//	blobs ────────────────────────────────────────────────┐
//	claims on the thread's ids → the decision still holds ─┤
//	a number ──────────────────────────────────────────────┴→ the message
//	                                                            │ this insert is the commit: 250
//	      message is done ← words ← claims go ← issue, notes, links, participants, users, ledger
//
// The message document carries the whole decision and what is to be made of it (its todo). So whoever finds a
// message whose todo is still there (a duplicate of the mail, a later mail of the thread, the next start, another
// node) can apply it, and applying it twice or late changes nothing: what is new has an id that is known from
// the todo, and an issue keeps the names of the decisions that changed it.
//
// The sender hears 250 when the message is inserted; its application follows at once. Whoever asks this node meanwhile for what comes of it waits;
// another node that is asked for the issue applies it itself.
//
// What many deliveries read and write at once goes to the server together: see gather.
//
// A claim is a document named after a mailbox and a Message-ID. Who holds it may look at where that id leads and
// make it lead elsewhere; others wait. It is void a minute after it was made when no commit came of it.
// So a mail and its reply that arrive together, on two nodes, are one issue.
package mongo

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"postern/internal/fault"
	"postern/internal/issue"
)

const (
	opTimeout     = 10 * time.Second // of one operation, where the caller's context has no earlier end
	selectTimeout = 3 * time.Second  // how long an operation waits for a server that can take it
	defaultName   = "postern"
)

// Options say how Open works. Zero values are the defaults.
type Options struct {
	Database string           // default: the one the URI names, else "postern"
	Password string           // takes the place of the URI's password
	Log      *slog.Logger     // default: none
	Now      func() time.Time // default: time.Now
	// Fault is called before each durable write with its name; when it fails, the write does not happen. For tests of crashes.
	Fault func(step string) error
}

// A Store is an issue.Store in a MongoDB database. Many may be open on one database.
type Store struct {
	client *mongo.Client
	db     *mongo.Database
	log    *slog.Logger
	nowFn  func() time.Time
	fault  func(step string) error

	messages, issues, notes, links, participants, users *mongo.Collection
	claims, counters, copies, ledger, events            *mongo.Collection
	tokens, rulesets, meta, files, chunks, words        *mongo.Collection
	shadow, shadowReports, ruleCounts, sources, used    *mongo.Collection

	// What concurrent commits do together.
	writers map[string]*writer // by collection
	numbers gather[chan<- number]
	knownBy *lookup[userDoc]
	ledBy   *lookup[linkDoc]
	making  gather[*deed]
	ending  gather[*deed]

	threads keylock     // this node's own queue for the ids of threads, in front of the claims
	changes keylock     // the same for issues that change
	deeds   deeds       // committed by this node and not wholly applied
	owed    owed        // of these, what could not be applied yet
	uploads chan []byte // the buffers of those who write large blobs: few at once

	life    context.Context // ends with Close: of all work that no caller waits for
	end     context.CancelFunc
	closing chan struct{} // closed when Close begins: what is committed is still applied, and nothing waits for company
	workers sync.WaitGroup
	gate    sync.Mutex // around closed and the start of workers
	closed  bool
}

var _ issue.Store = (*Store)(nil)

// Open connects to the server of uri, makes the indexes that are missing, and begins to look, now and then, for what
// other nodes left unfinished. It does not recover by itself: call Recover at start. A server that cannot be reached is Unavailable.
func Open(ctx context.Context, uri string, o Options) (*Store, error) {
	s, err := connect(uri, o)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open mongodb store %q: %w", s.db.Name(), err)
	}
	s.begin(s.tidy)
	return s, nil
}

func connect(uri string, o Options) (*Store, error) {
	cs, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "mongodb address: %w", err)
	}
	journal := true
	opts := options.Client().ApplyURI(uri).SetAppName("postern").
		SetTimeout(opTimeout).SetServerSelectionTimeout(selectTimeout).SetConnectTimeout(selectTimeout).
		SetReadPreference(readpref.Primary()).SetReadConcern(readconcern.Majority()).
		SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journal}).
		SetBSONOptions(&options.BSONOptions{UseJSONStructTags: true, NilSliceAsEmpty: true}).SetRegistry(nouns)
	if o.Password != "" {
		if opts.Auth == nil {
			return nil, fault.Errorf(fault.Invalid, "mongodb address: a password is given, but the address names no user")
		}
		opts.Auth.Password, opts.Auth.PasswordSet = o.Password, true
	}
	client, err := mongo.Connect(opts)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "mongodb address: %w", err)
	}
	name := o.Database
	if name == "" {
		name = cs.Database
	}
	if name == "" {
		name = defaultName
	}
	s := &Store{client: client, db: client.Database(name), log: o.Log, nowFn: o.Now, fault: o.Fault}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.nowFn == nil {
		s.nowFn = time.Now
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.closing = make(chan struct{})
	s.deeds = newDeeds(s.life, s.making.nudge)
	s.threads.waits = s.making.nudge
	s.uploads = make(chan []byte, maxUploads)
	for range maxUploads {
		s.uploads <- nil // made when it is first needed
	}
	s.collections()
	return s, nil
}

func (s *Store) collections() {
	s.writers = map[string]*writer{}
	buffered := func(name string) *mongo.Collection {
		c := s.db.Collection(name)
		s.writers[name] = newWriter(s, c)
		return c
	}
	s.messages, s.issues, s.notes = buffered("messages"), buffered("issues"), buffered("notes")
	s.links, s.participants, s.users = buffered("links"), buffered("participants"), buffered("users")
	s.claims, s.ledger, s.events = buffered("claims"), buffered("ledger"), buffered("events")
	s.files, s.words = buffered("blobs.files"), buffered("words")
	s.chunks = s.db.Collection("blobs.chunks")
	s.counters, s.copies = s.db.Collection("counters"), s.db.Collection("copies")
	s.shadow, s.shadowReports = s.db.Collection("shadow"), s.db.Collection("shadow_reports")
	s.ruleCounts, s.sources, s.used = s.db.Collection("rule_counts"), s.db.Collection("sources"), s.db.Collection("used")
	s.tokens, s.rulesets, s.meta = s.db.Collection("tokens"), s.db.Collection("rulesets"), s.db.Collection("meta")

	s.numbers = gather[chan<- number]{store: s, work: s.giveNumbers, most: 1000, apart: 1}
	s.knownBy = newLookup(s, s.users, "_id", func(d *userDoc) string { return d.ID })
	s.ledBy = newLookup(s, s.links, "key", func(d *linkDoc) string { return d.Key })
	s.ledBy.sort, s.ledBy.most, s.ledBy.back = []string{"rank", "issue"}, maxLinks, ofRule
	s.making = gather[*deed]{store: s, work: s.makeAll, most: makeAtOnce, apart: makeApart, linger: makeLinger, hurry: make(chan struct{}, 1)}
	s.ending = gather[*deed]{store: s, work: s.endAll, most: endAtOnce, apart: 1, linger: endLinger}
}

// Kind is "mongodb".
func (s *Store) Kind() string { return "mongodb" }

// Ping writes one small document with the concern of a commit.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.meta.UpdateOne(ctx, bson.M{"_id": "ping"}, bson.M{"$set": bson.M{"at": s.now()}}, options.UpdateOne().SetUpsert(true))
	if mongo.IsDuplicateKeyError(err) { // two first pings at once
		err = nil
	}
	return failed("write to mongodb", err)
}

// Close applies what was committed, as far as that is soon done, and ends the store's own work and its connections. Commits that are
// under way fail as Unavailable.
func (s *Store) Close() error {
	s.gate.Lock()
	if !s.isClosing() {
		close(s.closing)
	}
	s.gate.Unlock()
	soon, cancel := context.WithTimeout(context.Background(), closeWaits)
	_ = s.deeds.awaitAll(soon, true) // else another node does it, or the next start
	cancel()
	s.gate.Lock()
	s.closed = true
	s.gate.Unlock()
	s.end()
	s.workers.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), opTimeout)
	defer cancel()
	if err := s.client.Disconnect(ctx); err != nil {
		return failed("close mongodb connections", err)
	}
	return nil
}

func (s *Store) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// begin runs f in a goroutine that Close waits for, unless the store is closed.
func (s *Store) begin(f func()) bool {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed {
		return false
	}
	s.workers.Go(f)
	return true
}

func (s *Store) now() time.Time { return issue.Time(s.nowFn()) }

// step asks the test's fault hook whether a write may happen.
func (s *Store) step(name string) error {
	if s.fault == nil {
		return nil
	}
	if err := s.fault(name); err != nil {
		return fault.As(fault.Unavailable, fmt.Errorf("%s: %w: %w", name, errNotSent, err))
	}
	return nil
}
