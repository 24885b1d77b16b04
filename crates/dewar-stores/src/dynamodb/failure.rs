//! What an error of the SDK means: whether an answer was lost, and what the reader of the message is told.

use std::error::Error as StdError;
use std::fmt::{self, Display};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use dewar::Error;

use crate::server::{Operation, Server};

/// A failed call, without what the server quoted.
#[derive(Debug)]
pub(super) enum Failure {
    /// The condition of a write does not hold.
    Condition,
    /// The server did nothing, and may later.
    Throttled,
    /// It may have been done: the answer is lost.
    Lost(Reason),
    /// The server said no; its code.
    Refused(String),
}

/// How an answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    NoConnection,
    Timeout,
    NotUnderstood,
    ServerError,
}

impl<E: ProvideErrorMetadata, R> From<SdkError<E, R>> for Failure {
    fn from(error: SdkError<E, R>) -> Failure {
        match &error {
            SdkError::TimeoutError(_) => Failure::Lost(Reason::Timeout),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                Failure::Lost(Reason::Timeout)
            }
            SdkError::DispatchFailure(_) => Failure::Lost(Reason::NoConnection),
            SdkError::ResponseError(_) => Failure::Lost(Reason::NotUnderstood),
            _ => match error.code() {
                Some("ConditionalCheckFailedException") => Failure::Condition,
                Some(
                    "ProvisionedThroughputExceededException"
                    | "RequestLimitExceeded"
                    | "ThrottlingException"
                    | "Throttling"
                    | "LimitExceededException",
                ) => Failure::Throttled,
                Some("InternalServerError" | "InternalFailure" | "ServiceUnavailable") => {
                    Failure::Lost(Reason::ServerError)
                }
                Some(code) => Failure::Refused(code.to_owned()),
                None => Failure::Lost(Reason::NotUnderstood),
            },
        }
    }
}

impl Failure {
    pub(super) fn is(&self, code: &str) -> bool {
        matches!(self, Failure::Refused(refused) if refused == code)
    }
}

/// Dewar's error for a failed call: what to do, whether a retry may help, and the cause.
pub(super) fn explain(
    server: &Server,
    operation: Operation,
    table: &str,
    failure: Failure,
) -> Error {
    let what = match &failure {
        Failure::Condition => "the condition does not hold",
        Failure::Throttled => {
            "the table's capacity is used up; raise it, or let the table be billed by request (PAY_PER_REQUEST)"
        }
        Failure::Lost(Reason::NoConnection) => {
            "no connection; is the endpoint right, and reachable from here?"
        }
        Failure::Lost(Reason::Timeout) => {
            "no answer in time; is the endpoint overloaded, frozen or cut off? Where this is normal, raise the time that \
             the operation may take (SESSION_OPERATION_TIMEOUT)"
        }
        Failure::Lost(Reason::NotUnderstood) => {
            "what answers there does not speak DynamoDB's protocol"
        }
        Failure::Lost(Reason::ServerError) => "the server met an error of its own",
        Failure::Refused(code) => return refused(server, operation, table, code),
    };
    server
        .error(operation, what)
        .with_source(Answer(failure))
        .temporary()
}

fn refused(server: &Server, operation: Operation, table: &str, code: &str) -> Error {
    let what = match code {
        "ResourceNotFoundException" => format!(
            "there is no table {table:?}, or it is still being made; name another in SESSION_DYNAMODB_TABLE, make it with \
             `dewar store migrate`, or restart: Dewar makes it at the first use, unless SESSION_DYNAMODB_TABLE_EXISTS is true"
        ),
        "AccessDeniedException" => format!(
            "the user may not do this; it needs dynamodb:GetItem, PutItem, UpdateItem and DeleteItem on {table:?}, Scan \
             for listing, and CreateTable, DescribeTable, DescribeTimeToLive and UpdateTimeToLive where the table is to be made"
        ),
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "InvalidClientTokenId" => {
            "the server refuses the key; is it right, and for this region?".to_owned()
        }
        "ExpiredTokenException" => {
            "the session token (AWS_SESSION_TOKEN) has expired; set a new one and its keys, and restart. Those of a role renew \
             themselves: hand over a client of aws-config (DynamodbStore::from_client), in Flask a boto3 resource"
                .to_owned()
        }
        "ValidationException" => format!(
            "the server finds the request wrong; is {table:?} a table whose only key is the text `id`?"
        ),
        _ => "the server refuses the request".to_owned(),
    };
    server
        .error(operation, what)
        .with_source(Answer(Failure::Refused(code.to_owned())))
}

/// What the server said, by its code alone: its texts may quote keys.
#[derive(Debug)]
struct Answer(Failure);

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Failure::Refused(code) => write!(f, "DynamoDB: {code}"),
            failure => write!(f, "DynamoDB: {failure:?}"),
        }
    }
}

impl StdError for Answer {}
