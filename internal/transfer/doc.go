// Package transfer fetches one large object from storage by signed URLs that expire.
// [File] writes the object to a file, and [Open] returns it as a stream.
//
// # How it works
//
// The first request is for the whole object: a GET with "Range: bytes=0-" and
// "Accept-Encoding: identity". Its response gives the size. Then all workers start. A
// schedule hands out chunks in the order of the file, and a worker fetches one chunk
// with one request. At the end, an idle worker takes the rest of another worker's
// chunk. Behind the workers, a recorder hashes the part, syncs it and logs the fetched
// ranges: see package partfile. A stream has one worker.
//
// Every request after the first carries If-Match with the strong ETag, or else
// If-Unmodified-Since. Its response must repeat the validator, the size and the start.
// If a response contradicts itself or the request, the request is retried.
//
// # Promises
//
// A transfer fetches everything that curl can fetch. Before a transfer fails because of the
// responses of storage, it falls back from parallel ranges to one range, and
// then to a plain request. It takes each step once, and logs it. The cases are:
//   - storage that refuses ranges (TestStorageThatRefusesRanges,
//     TestProxiesThatBreakAtARange), ignores ranges (TestOneStreamWhereRangesAreNotSupported),
//     sends another ETag on each connection (TestEachConnectionHasAnotherETag) or no
//     length (TestA200WithoutALengthAndWithTheSameETag, TestRoundTrippersWithoutALength)
//   - rare forms of Content-Range (TestRareFormsOfContentRange), and the archive's
//     own gzip as an encoding (TestAGzipThatIsLabelledAsAnEncoding)
//   - a page in place of the object, which is requested again (TestAPageIsRequestedAgain)
//   - a stray refusal of a range after others have succeeded, which is requested again
//     (TestAStrayRefusalOfARangeIsNoReasonToFallBack)
//   - an outage after which a plain request succeeds first: a range is requested again
//     (TestAPlainRequestAfterAnOutageIsNoReasonToFallBack)
//
// Two objects are never mixed. When the object changes, File starts over. A stream
// ends with [ErrChanged], and so does File when the size changes a second time
// (TestFileStartsOverOnceWhenTheObjectChanges, TestStreamEndsWhenTheObjectChanges).
// A truncated body never counts as complete (TestAnEOFInsideAnErrorIsNotTheEnd).
//
// When storage refuses a URL, it is renewed once for all workers. The transfer fails
// when storage refuses two fresh URLs in a row (TestRefusedURLsAreRenewed,
// TestAURLThatAllRangesShareIsRenewedByOne, TestAURLThatLivesForSeconds).
//
// A transfer without progress fails: when it gets less than 1 MiB in five minutes over
// all connections (TestTransfersWithoutProgressEnd,
// TestProgressIsMeasuredOverAllRanges). After server errors and cuts it retries, and
// after Retry-After it waits (TestBusyStorageIsRetried). Waits that storage asks for do
// not count, up to an hour. The error of an outage is not a [StatusError]
// (TestAnOutageOfStorageIsNotAFinalRefusal). Certificate errors and redirects are final
// (TestCertificateErrorsAreFinal, TestFinalResponsesAreNotRetried).
//
// Nothing hangs. A transfer ends with its context, even if a body or a RoundTripper
// ignores the context (TestABodyThatIgnoresItsContext,
// TestARoundTripperThatIgnoresItsContext). Close returns at once
// (TestCloseReturnsWhateverTheBodyDoes).
//
// All workers send a request in the first second
// (TestAllWorkersSendARequestInTheFirstSecond). They send few requests
// (TestRequestsAreFew). Several ranges take at most 1.5 times as long as one range
// (TestNeverMuchSlowerThanOneRange). After refusals there are fewer workers and larger
// chunks (TestBusyStorageGetsFewerRequests). A connection that hangs or is
// much slower than other connections is replaced (TestARangeThatHangsIsReplaced,
// TestARangeThatIsMuchSlowerIsReplaced). Received bytes reset the backoff
// (TestBytesResetTheBackoff).
//
// Fetched bytes are not fetched again. After a cut (TestFileResumesAfterACut), a kill
// (TestFileResumesAfterAKill) or a power cut at any operation
// (TestAPowerCutAtEveryOperation), the next call resumes. Only a complete file
// replaces a file (TestFileReplacesAFileOnlyByACompleteOne). Whatever storage and disk
// do, the right file is in place in the end. A wrong file never is
// (TestChaosOfFiles, TestChaosOfStreams).
//
// The query of a signed URL is a password. It reaches storage, but never an error, a
// log or a file (TestLogsAndErrorsHaveNoQuery, TestABodyThatQuotesItsURL).
package transfer
