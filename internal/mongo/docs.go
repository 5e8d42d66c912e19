package mongo

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/internal/issue"
)

// The documents, as far as they are more than the nouns of package issue under their JSON names.
// docs/schema-mongodb.md describes them for those who read the database with other tools.

// A messageDoc is a message with its decision. Its _id is the slot it holds, "key/0", so that the insert claims the slot; for
// one that holds none it is "id:" and the message's id.
type messageDoc struct {
	Doc           string `bson:"_id"`
	issue.Message `bson:",inline"`

	By     string   `bson:"by"`     // names this decision: see decisionName
	Rev    int64    `bson:"rev"`    // one more with each change
	Author string   `bson:"author"` // the first From address
	Blobs  []string `bson:"blobs"`  // all blobs it names, its own and its decision's
	Keeps  []string `bson:"keeps"`  // what retention has yet to take: "raw" or "quarantine"; "trace"

	FactsBlob string `bson:"factsBlob,omitempty"` // in place of decision.facts when they are long
	TraceBlob string `bson:"traceBlob,omitempty"` // in place of decision.trace

	ChangesBlob string `bson:"changesBlob,omitempty"` // in place of decision.changes
	FormerBlob  string `bson:"formerBlob,omitempty"`  // in place of former, as JSON

	Pending *time.Time `bson:"pending,omitempty"` // since when the todo waits; gone when it is done
	Todo    *todo      `bson:"todo,omitempty"`

	took bool // claims of another decision for this document were taken over
}

// A todo is what a committed decision still has to make.
type todo struct {
	NewIssue     *issue.Issue       `bson:"newIssue,omitempty"`
	AsText       bool               `bson:"asText,omitempty"` // the new issue's description is the message's text, and stands there only
	Change       *issue.IssueChange `bson:"change,omitempty"`
	Revise       *issue.Revision    `bson:"revise,omitempty"`
	Notes        []*issue.Note      `bson:"notes,omitempty"`
	Users        []issue.User       `bson:"users,omitempty"`
	Threads      []issue.ThreadName `bson:"threads,omitempty"`
	Participants []string           `bson:"participants,omitempty"`
	Ledger       *issue.LedgerLine  `bson:"ledger,omitempty"`
	Event        *issue.Event       `bson:"event,omitempty"`
	Claims       []string           `bson:"claims,omitempty"` // given up when all is done
}

// newIssue is the one to make, whole; nil for none.
func (m *messageDoc) newIssue() *issue.Issue {
	if m.Todo.NewIssue == nil || !m.Todo.AsText {
		return m.Todo.NewIssue
	}
	is := *m.Todo.NewIssue
	is.Description = m.Text
	return &is
}

// decisionName names one decision of a message. Two nodes may decide one message again at once, so the attempt's number is not enough.
func decisionName(message string, attempt int) string {
	return fmt.Sprintf("%s/%d.%s", message, attempt, rand.Text()[:10])
}

// splitDecision is its opposite.
func splitDecision(by string) (message string, attempt int, ok bool) {
	i := strings.LastIndexByte(by, '/')
	if i < 0 {
		return "", 0, false
	}
	number, _, _ := strings.Cut(by[i+1:], ".")
	attempt, err := strconv.Atoi(number)
	return by[:i], attempt, err == nil
}

// docID is the _id of a message's document.
func docID(m *issue.Message) string {
	if m.Slot != "" {
		return m.Slot
	}
	return "id:" + m.ID
}

// An issueDoc is an issue. Its _id is the number.
type issueDoc struct {
	ID          int64 `bson:"_id"`
	issue.Issue `bson:",inline"`

	By      string    `bson:"by"`      // the decision that made it
	Rev     int64     `bson:"rev"`     // one more with each change
	Applied []applied `bson:"applied"` // the decisions that changed it lately

	Sets []issue.Set `bson:"sets,omitempty"` // what its fields were given, and by which message
}

// applied says that a decision has changed this issue.
type applied struct {
	By string    `bson:"by"`
	At time.Time `bson:"at"`
}

// A noteDoc is a note. Its _id is the note's id.
type noteDoc struct {
	ID         string `bson:"_id"`
	issue.Note `bson:",inline"`

	By    string `bson:"by"`
	Place string `bson:"place"` // its place among the issue's notes: time, message, which of the message's notes

	Attempt int `bson:"attempt,omitempty"` // of the message, that revised it last
}

// A wordsDoc has the words by which an issue is found: those of its subject and description ("issue 12"), or those of a note ("note ID").
type wordsDoc struct {
	ID    string   `bson:"_id"`
	Issue int64    `bson:"issue"`
	Rev   int64    `bson:"rev"` // that of the issue when they were read from it; of a note the message's attempt
	By    string   `bson:"by"`  // the decision that made the issue or note
	Words []string `bson:"words"`
}

// A linkDoc makes an id lead to an issue. Its _id is mailbox, id, issue and kind.
type linkDoc struct {
	ID    string         `bson:"_id"`
	Key   string         `bson:"key"` // mailbox and id: see threadKey
	Name  string         `bson:"name"`
	Issue int64          `bson:"issue"`
	Kind  issue.LinkKind `bson:"kind"`
	Rank  int            `bson:"rank"` // the stronger the kind the smaller
	At    time.Time      `bson:"at"`
	By    string         `bson:"by"` // the decision that made it first
}

// A participantDoc says that an address takes part in an issue. Its _id is both.
type participantDoc struct {
	ID    string `bson:"_id"`
	Issue int64  `bson:"issue"`
	Email string `bson:"email"`
	By    string `bson:"by"`
}

// A userDoc is a user. Its _id is the address.
type userDoc struct {
	ID         string `bson:"_id"`
	issue.User `bson:",inline"`
}

// A ledgerDoc is a line of the ledger.
type ledgerDoc struct {
	ID               string `bson:"_id"`
	issue.LedgerLine `bson:",inline"`
	Addresses        []string `bson:"addresses"` // whom Address finds
	Hay              string   `bson:"hay"`       // what words are looked for in, in lower case
}

// A claimDoc keeps others from an id of a thread while a message that concerns it is committed. Its _id is a threadKey.
type claimDoc struct {
	ID     string    `bson:"_id"`
	Holder string    `bson:"holder"` // the _id of the message's document
	By     string    `bson:"by"`     // the decision
	At     time.Time `bson:"at"`
}

// A copyDoc is a copy of a message. Its _id is the message's id and a number from 1.
type copyDoc struct {
	ID         string `bson:"_id"`
	issue.Copy `bson:",inline"`
	Message    string `bson:"message"`
	N          int    `bson:"n"`
	Blob       string `bson:"blob"`
}

// An eventDoc is an event. Its _id is the event's id.
type eventDoc struct {
	ID          string `bson:"_id"`
	issue.Event `bson:",inline"`
}

// A tokenDoc is an API token. Its _id is the token's id.
type tokenDoc struct {
	ID          string `bson:"_id"`
	issue.Token `bson:",inline"`
	Hash        string `bson:"hash"`
}

// A rulesetDoc is a published set. Its _id is the number; the first Posterns kept each version once, under the version.
type rulesetDoc struct {
	ID            string `bson:"_id"`
	issue.Ruleset `bson:",inline"`
	Seq           int64 `bson:"seq"` // the largest is the latest
	FileBlobs     `bson:",inline"`
}

// FileBlobs (exported for the encoder, which passes over embedded structs that are not) are those of a set's files that are blobs.
type FileBlobs struct {
	FilesBlob string      `bson:"filesBlob,omitempty"` // all other files, where they are long together
	Large     []largeFile `bson:"large,omitempty"`     // so that a set which shares a long list with the one before is no longer for it
}

type largeFile struct {
	Name string `bson:"name"`
	Blob string `bson:"blob"`
}

// A shadowDoc is the set that is evaluated beside the live one. Its _id is always the same.
type shadowDoc struct {
	ID        string            `bson:"_id"`
	Shadow    issue.Shadow      `bson:"shadow"` // without its files
	Files     map[string]string `bson:"files,omitempty"`
	FileBlobs `bson:",inline"`
}

// A shadowReportDoc is what one node found of a shadow. Its _id is both.
type shadowReportDoc struct {
	ID     string          `bson:"_id"`
	Shadow string          `bson:"shadow"`
	Node   string          `bson:"node"`
	Report json.RawMessage `bson:"report"`
}

// A blobDoc is the head of a blob, and a file of GridFS (bucket "blobs"). Its _id is the sha256. A small blob is in the head itself; the
// chunks of a large one have ids of their own making, so that several may write the same blob at once.
type blobDoc struct {
	ID         string    `bson:"_id"`
	Length     int64     `bson:"length"`
	ChunkSize  int32     `bson:"chunkSize"`
	UploadDate time.Time `bson:"uploadDate"`
	Data       []byte    `bson:"data,omitempty"`
	Gen        string    `bson:"gen"`     // names the chunks of this life of the blob
	Whole      bool      `bson:"whole"`   // all of it is there
	Touched    time.Time `bson:"touched"` // when it was last named
	Gone       bool      `bson:"gone,omitempty"`
}

// A chunkDoc is a piece of a large blob.
type chunkDoc struct {
	ID      string `bson:"_id"`
	FilesID string `bson:"files_id"`
	N       int32  `bson:"n"`
	Data    []byte `bson:"data"`
}
