import CCurl
import WindlassWire

/// Where libcurl's results become errors of the transport, all of them.
enum CurlFailure {
  /// The error of a hop that libcurl ended with that code.
  static func error(_ code: CURLcode, of transfer: Transfer) -> HTTPError {
    if let failure = transfer.failure { return failure }
    let subject = "\(transfer.request.method) \(transfer.url.display)"
    let said = transfer.easy?.errorMessage ?? ""
    let detail = printable(said.isEmpty ? String(cString: curl_easy_strerror(code)) : said)
    if transfer.refusedAddress {
      return HTTPError(
        .addressRefused,
        "\(subject) was not sent: the name leads to an address that this request may not reach; "
          + "use a host with an address that it may reach.")
    }
    switch code {
    case CURLE_URL_MALFORMAT:
      return HTTPError(.badURL, "\(subject) failed: \(detail). Write it as https://host/path.")
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
      return HTTPError(
        .unresolved, "\(subject) failed: \(detail). Check the host's name and the name server.")
    case CURLE_OPERATION_TIMEDOUT: return timedOut(transfer)
    case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING:
      return HTTPError(.truncated, "\(subject) got an incomplete reply: \(detail).")
    case CURLE_RECV_ERROR where transfer.hasStatus:
      return HTTPError(.truncated, "\(subject) got an incomplete reply: \(detail).")
    case CURLE_OUT_OF_MEMORY where !transfer.hasHeaders:
      return HTTPError(.headersTooLarge, "\(subject) was cut off: a header line is too long.")
    case CURLE_COULDNT_CONNECT, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_INTERFACE_FAILED:
      return HTTPError(
        .unreachable, "\(subject) failed: \(detail). Check that the server runs and is reachable.")
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE,
      CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CLIENTCERT,
      CURLE_SSL_ENGINE_INITFAILED, CURLE_USE_SSL_FAILED:
      return HTTPError(
        .tlsRefused,
        "\(subject) was not sent: \(detail). Give the server a certificate that this machine "
          + "trusts.")
    default:
      return HTTPError(.other, "\(subject) failed: \(detail) (libcurl \(code.rawValue)).")
    }
  }

  /// The error of a transfer whose time is over.
  static func timedOut(_ transfer: Transfer) -> HTTPError {
    HTTPError(
      .timedOut,
      "\(transfer.request.method) \(transfer.url.display) did not finish in time (at most "
        + "\(transfer.order.limits.deadline)); check that the server answers.")
  }

  /// The error of a transfer that its caller gave up.
  static func cancelled(_ order: TransferOrder) -> HTTPError {
    HTTPError(.cancelled, "\(order.request.method) \(order.url.display) was cancelled.")
  }

  /// The error of a transfer that found no place in line.
  static func refused(_ order: TransferOrder) -> HTTPError {
    HTTPError(
      .other,
      "\(order.request.method) \(order.url.display) was not sent: too many requests wait already.")
  }

  /// libcurl may quote the peer, so nothing but plain text passes.
  private static func printable(_ text: String) -> String {
    String(
      text.unicodeScalars.prefix(300).map { scalar in
        (0x20...0x7E).contains(scalar.value) ? Character(scalar) : "?"
      })
  }
}
