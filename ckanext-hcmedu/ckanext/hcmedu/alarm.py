"""What an operator has to know at once: in the log and, where `email_to` is configured, by mail."""

from __future__ import annotations

import logging
from email.utils import getaddresses

import ckan.plugins.toolkit as tk
from ckan.lib import mailer

log = logging.getLogger(__name__)


def alarm(text: str, subject: str = "The privacy gate's audit alarms") -> None:
    """Tell an operator. `text` names tables and rules, and nothing that a record holds.

    A mail that cannot be sent is told in the log, and stops nothing.
    """
    log.critical("%s", text)
    addresses = [address for _, address in getaddresses([tk.config.get("email_to") or ""])]
    for address in filter(None, addresses):
        try:
            mailer.mail_recipient(address, address, subject, text)
        except (mailer.MailerException, OSError) as error:
            log.error("The alarm could not be sent to %s: %s", address, type(error).__name__)
