package webhook

import (
	"net/http"
	"testing"
	"time"
)

// TestSignV4: the first example of docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, and a path to escape.
func TestSignV4(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequest("GET", "https://examplebucket.s3.amazonaws.com/test.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", "bytes=0-9")
	signV4(req, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "s3", time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC))
	const want = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
	if got := req.Header.Get("Authorization"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for path, want := range map[string]string{"/a/b": "/a/b", "/a b+c=d&e%": "/a%20b%2Bc%3Dd%26e%25", "/é/~_-.": "/%C3%A9/~_-.", "/a\x00\n": "/a%00%0A"} {
		if got := awsPath(path); got != want {
			t.Errorf("%q: got %s, want %s", path, got, want)
		}
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]string{
		"arn:aws:sns:eu-west-1:123456789012:mail":            "sns.eu-west-1.amazonaws.com",
		"arn:aws-cn:sns:cn-north-1:123456789012:mail":        "sns.cn-north-1.amazonaws.com.cn",
		"arn:aws-us-gov:sns:us-gov-west-1:123456789012:mail": "sns.us-gov-west-1.amazonaws.com",
		"arn:aws:sns:evil.example/:123456789012:mail":        "",
		"arn:aws:sns::123456789012:mail":                     "",
		"arn:aws:sqs:eu-west-1:123456789012:mail":            "",
		"eu-west-1": "",
	} {
		if got, ok := parseTopic(arn); got.host != want || ok != (want != "") {
			t.Errorf("%s: got %q, %t", arn, got.host, ok)
		}
	}
}
