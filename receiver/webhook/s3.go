package webhook

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/spool"
)

// s3Timeout is longer than the 15 seconds that SNS waits (docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html): a large mail that
// comes slowly is taken though SNS has gone, and known when SNS asks again. To give up in time for SNS would be to give up each time.
const s3Timeout = time.Minute

// bucketName is docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, as far as it matters in a host name.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// fetchS3 fetches an object of one of the hook's buckets. The host is made of what the configuration says; of the payload only the key is
// used, escaped. Whatever goes wrong is worth another try: the mail lies in the bucket, and SNS asks again.
func fetchS3(ctx context.Context, t *Tools, h *Hook, topicRegion, bucket, key string) (*spool.Body, error) {
	if !slices.Contains(h.Buckets, bucket) {
		return nil, fault.Errorf(fault.Unavailable, "the bucket %.80q is none of the hook's buckets: if it is yours, add it to buckets", bucket)
	}
	region := h.Region
	if region == "" {
		region = topicRegion
	}
	if !bucketName.MatchString(bucket) || strings.Contains(bucket, "..") || !awsRegion.MatchString(region) {
		return nil, fault.Errorf(fault.Invalid, "a bucket %.80q in a region %.80q: one of them is misspelled in the configuration", bucket, region)
	}
	if key == "" || len(key) > 1024 {
		return nil, fault.Errorf(fault.Invalid, "an object's key has 1 to 1024 bytes, this one %d", len(key))
	}
	if h.KeyID == "" || h.APIKey == "" {
		return nil, fault.Errorf(fault.Unavailable, "the mail lies in the bucket %s: the hook needs key-id and api-key-file to fetch it", bucket)
	}
	u := &url.URL{Scheme: "https", Host: bucket + ".s3." + region + "." + awsDomain(region), Path: "/" + key}
	if strings.Contains(bucket, ".") { // whose host no certificate would cover
		u.Host, u.Path = strings.TrimPrefix(u.Host, bucket+"."), "/"+bucket+"/"+key
	}
	u.RawPath = awsPath(u.Path)

	ctx, cancel := context.WithTimeout(ctx, s3Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+u.Host, nil)
	if err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	req.URL = u
	signV4(req, h.KeyID, h.APIKey, region, "s3", t.Now())
	res, err := t.Client.Limit(t.Limits.Mail).Do(req, u.Host)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "fetch the mail: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fault.Errorf(fault.Unavailable, "fetch the mail from %s: S3 answers %s%s", u.Host, res.Status, s3Advice[res.StatusCode])
	}
	if res.Header.Get("X-Amz-Meta-X-Amz-Key-V2") != "" || res.Header.Get("X-Amz-Meta-X-Amz-Key") != "" {
		return nil, fault.Errorf(fault.Unavailable, "the mail in %s is encrypted for a client with a KMS key: switch off \"message encryption\" in the receipt rule's S3 action and let the bucket encrypt", bucket)
	}
	w := t.Spool.Create()
	defer w.Abort()
	if _, err := io.Copy(w, res.Body); fault.Is(err, fault.TooLarge) {
		return nil, fault.Errorf(fault.TooLarge, "the mail in %s: %w", bucket, err)
	} else if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "fetch the mail: %w", err)
	}
	return w.Body()
}

var s3Advice = map[int]string{
	http.StatusMovedPermanently:  ": the bucket is in another region, say which by region",
	http.StatusTemporaryRedirect: ": the bucket is in another region, say which by region, or it is too new",
	http.StatusBadRequest:        ": the bucket may be in another region, say which by region",
	http.StatusForbidden:         ": the key of key-id may not s3:GetObject there, or api-key-file is not its secret",
	http.StatusNotFound:          ": there is no such object, or no such bucket",
}
