"""What crosses HTTP: PaddleX's basic serving protocol for OCR, and the reading of single lines.

Names, order and types of the `/ocr` fields are PaddleX 3.7's; what would only fail later there is refused here.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from train.reading.settings import TextReading

# ruff: noqa: N815  (the protocol's names)

SideLength = Annotated[int, Field(ge=0, le=100_000)]
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]
Growth = Annotated[FiniteFloat, Field(ge=0, le=100)]
Decode = Literal["text-model", "raw"]
LogId = Annotated[str, Field(max_length=1000)]


class OcrRequest(BaseModel):
    """A picture or PDF and how to read it; a field left out or null stands for the server's default.

    Attributes:
        file: base64 of the file, or an http(s) URL.
        fileType: 0: PDF, 1: image; needed unless `file` is a URL whose name tells.
        useDocOrientationClassify: not served; true is refused.
        useDocUnwarping: not served; true is refused.
        useTextlineOrientation: turn lines that stand on their heads.
        textDetLimitSideLen: pixels, see textDetLimitType; 0 is the default.
        textDetLimitType: `min`: enlarge a picture with a shorter side under the limit; `max`: shrink one with a
            longer side over it; `resize_long`: bring the longer side there.
        textDetThresh: probability above which a pixel is text; 0 is the default.
        textDetBoxThresh: mean probability that a box needs; 0 is the default.
        textDetUnclipRatio: how far a box grows; 0 is the default.
        textRecScoreThresh: lines read with less confidence are left out.
        returnWordBox: give words and their boxes too.
        visualize: give the pictures too.
        logId: comes back in the answer.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    fileType: Literal[0, 1] | None = None
    useDocOrientationClassify: bool | None = None
    useDocUnwarping: bool | None = None
    useTextlineOrientation: bool | None = None
    textDetLimitSideLen: SideLength | None = None
    textDetLimitType: str | None = None
    textDetThresh: Share | None = None
    textDetBoxThresh: Share | None = None
    textDetUnclipRatio: Growth | None = None
    textRecScoreThresh: FiniteFloat | None = None
    returnWordBox: bool | None = None
    visualize: bool | None = None
    logId: LogId | None = None


class PageRequest(OcrRequest):
    """PaddleX's request with what is ours.

    Attributes:
        decode: `raw` leaves the bundle's text model out.
        find: `false` gives all lines in reading order, also where the bundle's format finds some alone.
    """

    decode: Decode | None = None
    find: bool | None = None


class PageSize(BaseModel):
    """A page, in pixels."""

    width: int
    height: int


class ImageInfo(PageSize):
    """A single picture, in pixels."""

    type: Literal["image"] = "image"


class PagesInfo(BaseModel):
    """A document of several pages."""

    numPages: int
    pages: list[PageSize]
    type: Literal["pdf", "tiff"]


class OcrPage(BaseModel):
    """One page's reading; the pictures are base64 JPEGs and only there if asked for."""

    prunedResult: dict[str, Any]
    ocrImage: str | None = None
    docPreprocessingImage: str | None = None
    inputImage: str | None = None


class OcrResult(BaseModel):
    """All pages; `warnings`, which PaddleX lacks, say what was not read of the file."""

    ocrResults: list[OcrPage]
    dataInfo: ImageInfo | PagesInfo
    warnings: list[str] | None = None


class RecognizeRequest(BaseModel):
    """Pictures of one line each.

    Attributes:
        images: base64 of the files.
        rule: name of a rule whose checks are made, e.g. `vin`.
        alternatives: number of further texts for each line.
        decode: `raw` leaves the bundle's text model out.
        logId: comes back in the answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: list[str] = Field(min_length=1)
    rule: str | None = None
    alternatives: int = Field(default=0, ge=0, le=5)
    decode: Decode = "text-model"
    logId: LogId | None = None


class Alternative(BaseModel):
    """Another text that a line may say."""

    text: str
    confidence: float


class DecodedText(BaseModel):
    """What a bundle's text model did with a line.

    Attributes:
        raw: the text as the network alone says it.
        probability: of the text's best alignment.
        rawProbability: that of `raw`.
        margin: nats between the text and the best other one that was weighed; null where none was.
        rules: of the format, by name: whether the text obeys.
        rawRules: whether `raw` does.
        right: the probability that the whole text is right, as validation lines were; null where none scored so low, or
            that is not known.
        accepted: whether that is enough to go without a person; null where that is not known.
    """

    raw: str
    probability: float
    rawProbability: float
    margin: float | None
    rules: dict[str, bool]
    rawRules: dict[str, bool]
    right: float | None
    accepted: bool | None

    @classmethod
    def of(cls, one: TextReading) -> "DecodedText":
        """Return it as an answer holds it."""
        return cls(
            raw=one.raw,
            probability=one.probability,
            rawProbability=one.raw_probability,
            margin=one.margin,
            rules=one.rules,
            rawRules=one.raw_rules,
            right=one.right,
            accepted=one.accepted,
        )


class ReadLine(BaseModel):
    """One line's reading; `checks` are flags, the text is never corrected by them.

    Where the bundle has a text model, `decoded` says what that did; it is missing otherwise.
    """

    text: str
    confidence: float
    alternatives: list[Alternative] = []
    checks: dict[str, bool] | None = None
    warnings: list[str] | None = None
    decoded: DecodedText | None = None


class RecognizeResult(BaseModel):
    """The lines in the order of the request."""

    lines: list[ReadLine]


Result = TypeVar("Result", bound=BaseModel)


class Response(BaseModel, Generic[Result]):
    """The envelope of every answer that is no error."""

    logId: str
    result: Result
    errorCode: Literal[0] = 0
    errorMsg: Literal["Success"] = "Success"
