// Package transfer fetches one large object that lies behind signed URLs that die.
// [File] puts it into a file and [Open] gives it as a stream.
//
// # How it works
//
// The first request is for the whole object: a GET with "Range: bytes=0-" and
// "Accept-Encoding: identity". Its response tells the size. All workers start
// then. A schedule hands out chunks in the order of the file, and a worker
// fetches one chunk with one request. At the end, an idle worker takes the back
// of another worker's chunk. A recorder hashes the part behind the workers, and
// syncs and logs it: see package partfile. A stream has one worker.
//
// Every request after the first carries If-Match with the strong ETag, or else
// If-Unmodified-Since. Its response must repeat that, the size and the start.
// A response that contradicts itself or the request is asked for again.
//
// # Promises
//
// What curl can fetch is fetched. Before a transfer fails because of the
// responses of storage, it falls back from parallel ranges to one range, and
// then to a plain request. It takes each step once, and logs it:
//   - storage that refuses ranges (TestStorageThatRefusesRanges,
//     TestProxiesThatBreakAtARange), gives none (TestOneStreamWhereThereIsNoMore),
//     gives each connection another ETag (TestEachConnectionHasAnotherETag) or no
//     length (TestA200WithoutALengthAndWithTheSameETag, TestRoundTrippersWithoutALength)
//   - rare forms of Content-Range (TestRareFormsOfContentRange), and the archive's
//     own gzip as an encoding (TestAGzipThatIsLabelledAsAnEncoding)
//   - a page in place of the object is asked for again (TestAPageIsAskedForAgain)
//
// Two objects are never mixed. An object that changed is fetched from the start,
// and a stream or a second change of size ends with [ErrChanged]
// (TestFileStartsOverOnceWhenTheObjectChanges, TestStreamEndsWhenTheObjectChanges).
// A truncated body never passes for the end (TestAnEOFInsideAnErrorIsNotTheEnd).
//
// A URL that storage refuses is renewed once for all workers, until two fresh ones
// in a row are refused (TestRefusedURLsAreRenewed,
// TestAURLThatAllRangesShareIsRenewedByOne, TestAURLThatLivesForSeconds).
//
// A transfer ends by itself only when it gets less than 1 MiB in five minutes, over
// all connections (TestTransfersWithoutProgressEnd,
// TestProgressIsMeasuredOverAllRanges). Server errors, cuts and Retry-After are
// waited out (TestBusyStorageIsAskedAgain); waits that storage asks for do not
// count, up to an hour. Certificate errors and redirects are final
// (TestCertificateErrorsAreFinal, TestFinalAnswersAreNotRetried).
//
// Nothing hangs: a body or a RoundTripper that ignores its context is left when
// that ends (TestABodyThatKnowsOfNoContext, TestARoundTripperThatKnowsOfNoContext),
// and Close returns at once (TestCloseReturnsWhateverTheBodyDoes).
//
// All workers send a request in the first second
// (TestAllWorkersAskInTheFirstSecond). They need few requests
// (TestRequestsAreFew), and on no line more than 1.5 times as long as one range
// (TestNeverMuchSlowerThanOneRange). Refusals make workers fewer and chunks
// larger (TestStorageThatIsBusyIsAskedForLess). A connection that hangs or is
// much slower than the others is replaced (TestARangeThatHangsIsAskedForAgain,
// TestARangeThatIsMuchSlowerIsAskedForAgain). Bytes reset the backoff
// (TestBytesResetTheBackoff).
//
// Fetched bytes are not fetched again: after a cut (TestFileResumesAfterACut), a kill
// (TestFileGoesOnAfterAKill) or a power cut at any operation
// (TestAPowerCutAtEveryOperation) the next call goes on. Only a complete file
// replaces one (TestFileReplacesAFileOnlyByACompleteOne). Whatever storage and disk
// do, in the end the right file is in place and at no time a wrong one
// (TestChaosOfFiles, TestChaosOfStreams).
//
// The query of a signed URL is a password. It reaches storage and no error, log or
// file (TestLogsAndErrorsHaveNoQuery, TestABodyThatQuotesItsURL).
package transfer
